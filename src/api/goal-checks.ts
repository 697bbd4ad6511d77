import { create } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import {
  type ExperimentGoal,
  ExperimentGoalSchema,
  GoalKind,
  GoalKindSchema,
  type Measure,
  OrderMeasure,
  OrderMeasureSchema,
} from "../../gen/intervention/v1/experiment_pb.js";
import { ShopEventKindSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { type Check, checked, currency, durationBetween, memberOf, orEmpty, show } from "./field-checks.ts";

const DAY_S = 86_400;
const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** An id that a caller gives to a part of something. */
export const partId: Check<string> = (id) =>
  ID.test(id) ? undefined : `${show(id)} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit`;

const SEEN: readonly EventKind[] = [EventKind.DISPLAYED, EventKind.CLICKED];

const measure = checked<Measure>(({ of }) => {
  if (of.case === undefined) return "it says nothing; one of orders, shop_event, event is needed";
  if (of.case === "orders") return memberOf(OrderMeasureSchema, { allowUnspecified: false })(of.value);
  if (of.case === "shopEvent") return memberOf(ShopEventKindSchema, { allowUnspecified: false })(of.value);
  return SEEN.includes(of.value) ? undefined : `${EventKind[of.value] ?? of.value} is not DISPLAYED or CLICKED`;
});

const isMoney = (one: Measure | undefined) => one?.of.case === "orders" && one.of.value === OrderMeasure.VALUE;
const isAmount = (kind: GoalKind) => kind === GoalKind.MEAN || kind === GoalKind.REVENUE;

type Problem = { readonly path: string; readonly message: string };

/** What of a goal's parts does not go together. */
function findProblems(goal: Pick<ExperimentGoal, "kind" | "measure" | "dividedBy" | "currency">): Problem[] {
  const problems: Problem[] = [];
  const money = isMoney(goal.measure) || isMoney(goal.dividedBy);
  if ((goal.kind === GoalKind.RATIO) !== (goal.dividedBy !== undefined))
    problems.push({
      path: "dividedBy",
      message: goal.dividedBy === undefined ? "it is missing; a ratio needs it" : "it is for a ratio alone",
    });
  if (goal.kind === GoalKind.REVENUE && !isMoney(goal.measure))
    problems.push({ path: "measure", message: "it is not the value of orders, which revenue is" });
  if (money !== (goal.currency !== ""))
    problems.push({
      path: "currency",
      message: money ? "it is missing; the value of orders needs it" : "no money is measured",
    });
  return problems;
}

/** A goal by itself. */
export const goalSchema = z
  .object({
    goalId: checked(partId),
    kind: checked<GoalKind>(memberOf(GoalKindSchema, { allowUnspecified: false })),
    measure: z
      .custom((value) => value !== undefined, { error: "it is missing; it says what is measured" })
      .pipe(measure),
    dividedBy: measure.optional(),
    window: checked<Duration>(
      durationBetween({ minS: 60, maxS: 366 * DAY_S, allowed: "1 min to 366 days" }),
    ).optional(),
    lowerIsBetter: z.boolean(),
    currency: checked(orEmpty(currency)),
    winsorize: checked<number>((quantile) =>
      quantile === 0 || (quantile > 0.5 && quantile < 1) ? undefined : `${quantile} is not between 0.5 and 1`,
    ),
    before: checked<Duration>(durationBetween({ minS: DAY_S, maxS: 366 * DAY_S, allowed: "1 to 366 days" })).optional(),
  })
  .superRefine((goal, context) => {
    for (const { path, message } of findProblems(toGoal(goal)))
      context.addIssue({ code: "custom", path: [path], message });
    if (!isAmount(goal.kind) && goal.winsorize !== 0)
      context.addIssue({ code: "custom", path: ["winsorize"], message: "it is for means and revenue alone" });
    if (!isAmount(goal.kind) && goal.before !== undefined)
      context.addIssue({ code: "custom", path: ["before"], message: "it is for means and revenue alone" });
  });

type Fields = Omit<ExperimentGoal, "$typeName" | "$unknown" | "dividedBy" | "window" | "before"> &
  Partial<Record<"dividedBy", Measure | undefined> & Record<"window" | "before", Duration | undefined>>;

/** A goal made anew, with nothing in it that this version does not know. */
export function toGoal({ dividedBy, window, before, ...goal }: Fields): ExperimentGoal {
  return create(ExperimentGoalSchema, {
    ...goal,
    ...(dividedBy && { dividedBy }),
    ...(window && { window }),
    ...(before && { before }),
  });
}
