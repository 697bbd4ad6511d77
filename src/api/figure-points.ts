import { z } from "zod";
import { Step, StepSchema } from "../../gen/intervention/v1/analytics_service_pb.js";
import { listPoints, type StepName } from "../domain/analytics/points.ts";
import { InvalidInput } from "../domain/errors.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Store } from "../store/index.ts";
import { checked, memberOf, parseFields, show } from "./field-checks.ts";
import type { MinuteInterval } from "./figures.ts";

/** What counting works with. */
export type AnalyticsParts = {
  readonly store: Store;
  readonly defaultTimeZone: string;
  readonly drain: AbortSignal;
  readonly now: () => Date;
  readonly access: Pick<AccessDirectory, "changed" | "findWorkspace">;
};

const POINTS_MAX = 1_500;
const STEPS: Readonly<Record<Step, StepName>> = {
  [Step.UNSPECIFIED]: "day",
  [Step.MINUTE]: "minute",
  [Step.HOUR]: "hour",
  [Step.DAY]: "day",
};

const stepSchema = z.object({ step: checked<Step>(memberOf(StepSchema, { allowUnspecified: true })) });

/** @throws InvalidInput for a zone that nobody knows. */
export function parseTimeZone(given: string, fallback: string, field = "time_zone"): string {
  if (given === "") return fallback;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: given }).resolvedOptions().timeZone;
  } catch {
    throw new InvalidInput([{ field, description: `${show(given)} is no IANA time zone` }]);
  }
}

/** @throws InvalidInput when there are too many. */
export function parsePoints(interval: MinuteInterval, given: Step, timeZone: string): number[] {
  const { step } = parseFields(stepSchema, { step: given });
  const points = listPoints(interval, STEPS[step], { timeZone, most: POINTS_MAX });
  if (points !== undefined) return points;
  throw new InvalidInput([
    { field: "interval", description: `it has more than ${POINTS_MAX} points of a ${STEPS[step]}` },
  ]);
}
