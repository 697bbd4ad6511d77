import type { Procedure } from "./adjust-p-values.ts";
import type { ArmShare } from "./assign.ts";
import type { Spending } from "./group-sequential-bounds.ts";

/** A quantity measured of each user. `binary`: did or didn't. `mean` and `revenue`: an amount, 0 where there was none. `ratio`: of two
 *  amounts, such as revenue an order. */
export type Metric = {
  readonly name: string;
  readonly kind: "binary" | "mean" | "revenue" | "ratio";
  readonly better: "higher" | "lower";
};

/** A metric that may not get worse by more than a share of the control's. */
export type Guardrail = Metric & {
  /** In relation to the control, 0.02 = 2 %. > 0. */
  readonly margin: number;
};

/** How the question is asked, fixed before the experiment starts. */
export type Method =
  /** Look whenever you like: the default. */
  | {
      readonly kind: "always_valid";
      /** Users of both arms together at which the interval shall be narrowest; by default 5,000, as GrowthBook's. */
      readonly tuningParameter?: number | undefined;
    }
  /** One look, when all planned users are in: the narrowest interval then, and none before. */
  | { readonly kind: "fixed"; readonly plannedUsers: number }
  /** Some planned looks. */
  | {
      readonly kind: "group_sequential";
      /** Of all arms together. */
      readonly plannedUsers: number;
      readonly spending: Spending;
      readonly rho?: number | undefined;
      /** Users of all arms at each earlier look. */
      readonly earlierLooks: readonly number[];
    };

export type ExperimentPlan = {
  readonly arms: readonly ArmShare[];
  /** Name of the arm that the others are compared with. */
  readonly control: string;
  /** The first decides; the others are reported, and a harm in any of them counts. At least one. */
  readonly goals: readonly Metric[];
  readonly guardrails: readonly Guardrail[];
  readonly method: Method;
  /** Of all claims together, in (0, 1). */
  readonly alpha: number;
  /** How several goals and arms are allowed for. Holm by default: any false claim counts. */
  readonly correction?: Procedure | undefined;
  /** Arms that count for the sample ratio and are not compared, such as a holdout that says nothing of the variants. */
  readonly setAside?: readonly string[] | undefined;
  /** Why nothing may be read yet; undefined when it may. */
  readonly wait?: string | undefined;
};

/** The arms that are compared with the control. */
export const listCompared = ({ arms, control, setAside = [] }: ExperimentPlan): readonly ArmShare[] =>
  arms.filter(({ name }) => name !== control && !setAside.includes(name));

/** What a metric adds up to in one arm; of a binary metric only the sum, how many did. */
export type MetricSums = {
  readonly sum: number;
  /** Not needed for a binary metric, whose squares are itself. */
  readonly sumSquares?: number | undefined;
  /** Of a ratio: what is divided by. */
  readonly denominator?:
    | { readonly sum: number; readonly sumSquares: number; readonly sumProducts: number }
    | undefined;
  /** The same users' value from before, to take noise away (CUPED); of mean and revenue, and only if both arms have it. */
  readonly before?: { readonly sum: number; readonly sumSquares: number; readonly sumProducts: number } | undefined;
};

/** What one arm has seen so far. */
export type ArmSums = {
  readonly name: string;
  /** Measured in it, whether they did anything or not. */
  readonly users: number;
  /** Assigned to it, where not all of them are measured yet. Default: as many as are measured. */
  readonly assigned?: number | undefined;
  readonly metrics: Readonly<Record<string, MetricSums>>;
};
