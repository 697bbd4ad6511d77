import { create } from "@bufbuild/protobuf";
import { timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import type { Touchpoint } from "../../gen/intervention/v1/tracking_service_pb.js";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { toOrderKey } from "../store/index.ts";
import { type Check, show, text, timestamp, withoutControlCharacters } from "./field-checks.ts";

const NAMES = {
  [EventKind.DELIVERED]: "delivered",
  [EventKind.DISPLAYED]: "displayed",
  [EventKind.CLICKED]: "clicked",
  [EventKind.DISMISSED]: "dismissed",
  [EventKind.CONVERTED]: "converted",
  [EventKind.REFUNDED]: "refunded",
} as const;
type Kind = keyof typeof NAMES;
const isKind = (kind: EventKind): kind is Kind => Object.hasOwn(NAMES, kind);
const isMoney = (kind: EventKind) => kind === EventKind.CONVERTED || kind === EventKind.REFUNDED;

/** A device's offline queue may be so old, and its clock so fast. */
const OLD_MS_MAX = 30 * 86_400_000;
const AHEAD_MS_MAX = 5 * 60_000;
const INTERVENTION_ID = /^[a-z2-7]{26}$/;
const CURRENCY = /^[A-Z]{3}$/;

const LABELS: Readonly<Record<"userId" | "id" | "actionId" | "orderId", Check<string>>> = {
  userId: text({ max: 128 }),
  id: text({ max: 64 }),
  actionId: text({ max: 64 }),
  orderId: text({ max: 128 }),
};
const FIELDS = { userId: "user_id", id: "id", actionId: "action_id", orderId: "order_id" } as const;

/** Makes what a service reports an event. By hand, since twenty thousand come in a second.
 *  @throws InvalidInput naming every bad field. */
export function parseTouchpoint(given: Touchpoint, workspaceId: string, now: Date): Event {
  const { kind, interventionId, id, orderId, userId, actionId, value, occurTime } = given;
  const violations: FieldViolation[] = [];
  const say = (field: string, description: string | undefined) =>
    description === undefined ? undefined : violations.push({ field, description });
  for (const name of ["userId", "id", "actionId", "orderId"] as const)
    say(FIELDS[name], LABELS[name](given[name]) ?? withoutControlCharacters(given[name]));
  if (occurTime !== undefined) say("occur_time", timestamp(occurTime) ?? findBadTime(timestampMs(occurTime), now));
  if (!isKind(kind)) say("kind", `it is none of ${Object.values(NAMES).join(", ")}`);
  else if (isMoney(kind)) {
    if (orderId === "") say("order_id", "it is missing: which order");
    if (userId === "" && kind === EventKind.CONVERTED) say("user_id", "it is missing: who bought");
    say("value", findBadValue(value?.minor ?? 0n));
    if (value !== undefined && !CURRENCY.test(value.currency))
      say("value.currency", `${show(value.currency)} is no ISO 4217 code`);
    if (interventionId !== "") say("intervention_id", "an order is credited by what its user saw: leave it empty");
  } else if (!INTERVENTION_ID.test(interventionId))
    say("intervention_id", `${show(interventionId)} is no intervention's id`);
  if ((kind === EventKind.CLICKED || kind === EventKind.REFUNDED) && id === "")
    say("id", "it is missing: it tells this one from others");
  if (violations.length > 0 || !isKind(kind)) throw new InvalidInput(violations);
  const receiveTime = timestampFromDate(now);
  const once = isMoney(kind) ? toOrderKey(workspaceId, orderId) : `${interventionId}:${NAMES[kind]}`;
  return create(EventSchema, {
    eventId: id === "" || kind === EventKind.CONVERTED ? once : `${once}:${id}`,
    ...{
      kind,
      interventionId,
      orderId,
      workspace: workspaceId,
      receiveTime,
      occurTime: occurTime ?? receiveTime,
      userId,
    },
    actionId: kind === EventKind.CLICKED ? actionId : "",
    ...(value === undefined ? {} : { valueMinor: value.minor, currency: value.currency }),
  });
}

function findBadTime(ms: number, now: Date): string | undefined {
  if (ms > now.getTime() + AHEAD_MS_MAX) return "it is more than 5 minutes ahead";
  return ms < now.getTime() - OLD_MS_MAX ? "it is more than 30 days ago" : undefined;
}

function findBadValue(minor: bigint): string | undefined {
  if (minor <= 0n) return "it is missing, or not more than 0";
  return minor > BigInt(Number.MAX_SAFE_INTEGER) ? `it is more than ${Number.MAX_SAFE_INTEGER}` : undefined;
}
