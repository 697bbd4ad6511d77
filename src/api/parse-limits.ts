import type { CallLimit, DailyQuota, Limits } from "../../gen/intervention/v1/limit_service_pb.js";
import { type OutsideChannelName, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import type { RateLimit } from "../domain/limit/token-bucket.ts";
import type { WorkspaceLimits } from "../store/index.ts";
import { show } from "./field-checks.ts";

const FIELDS = ["key", "workspace", "quotas"] as const;
const CALLS_MAX = 1_000_000;
const MESSAGES_MAX = 1_000_000_000n;

/** Reads a change of limits.
 *  @param allowed the most that may be set; undefined: anything. @returns what becomes of the old ones.
 *  @throws InvalidInput */
export function parseLimits(
  { limits, paths }: { readonly limits: Limits | undefined; readonly paths: readonly string[] },
  allowed: Readonly<Record<"key" | "workspace", RateLimit>> | undefined,
): (before: WorkspaceLimits) => WorkspaceLimits {
  if (limits === undefined)
    throw new InvalidInput([{ field: "limits", description: "it is missing; it says what to set" }]);
  const violations: FieldViolation[] = paths
    .filter((path) => !FIELDS.some((field) => field === path))
    .map((path) => ({ field: "update_mask", description: `${show(path)} is none of ${FIELDS.join(", ")}` }));
  const isNamed = (field: (typeof FIELDS)[number]) => paths.length === 0 || paths.includes(field);
  for (const field of ["key", "workspace"] as const)
    if (isNamed(field)) violations.push(...checkCalls(limits[field], `limits.${field}`, allowed?.[field]));
  const quotas = isNamed("quotas") ? toQuotas(limits.quotas, violations) : undefined;
  if (violations.length > 0) throw new InvalidInput(violations);
  return (before) => ({
    ...pick("key", isNamed("key") ? toRateLimit(limits.key) : before.key),
    ...pick("workspace", isNamed("workspace") ? toRateLimit(limits.workspace) : before.workspace),
    ...pick("quotas", quotas ?? before.quotas),
  });
}

const pick = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { readonly [_ in K]?: V };

const toRateLimit = (limit: CallLimit | undefined): RateLimit | undefined =>
  limit === undefined ? undefined : { ratePerS: limit.callsPerSecond, burst: limit.burst };

function checkCalls(
  limit: CallLimit | undefined,
  path: string,
  { ratePerS = CALLS_MAX, burst = CALLS_MAX }: Partial<RateLimit> = {},
): FieldViolation[] {
  if (limit === undefined) return [];
  return [
    { field: `${path}.calls_per_second`, value: limit.callsPerSecond, max: ratePerS },
    { field: `${path}.burst`, value: limit.burst, max: burst },
  ].flatMap(({ field, value, max }) =>
    value >= 1 && value <= max
      ? []
      : [{ field, description: `${value} is not in 1-${max}${max < CALLS_MAX ? ", what the engine allows" : ""}` }],
  );
}

function toQuotas(
  given: readonly DailyQuota[],
  violations: FieldViolation[],
): Partial<Record<OutsideChannelName, number>> {
  const quotas = new Map<OutsideChannelName, number>();
  for (const [index, { channel, messagesPerDay }] of given.entries()) {
    const field = `limits.quotas[${index}]`;
    const name = toOutsideChannel(channel);
    if (name === undefined)
      violations.push({ field: `${field}.channel`, description: "it is not EMAIL, SMS, PUSH or WEBHOOK" });
    else if (quotas.has(name))
      violations.push({ field: `${field}.channel`, description: `${name.toUpperCase()} is there already` });
    if (messagesPerDay < 0n || messagesPerDay > MESSAGES_MAX)
      violations.push({
        field: `${field}.messages_per_day`,
        description: `${messagesPerDay} is not in 0-${MESSAGES_MAX}`,
      });
    if (name !== undefined) quotas.set(name, Number(messagesPerDay));
  }
  return Object.fromEntries(quotas);
}
