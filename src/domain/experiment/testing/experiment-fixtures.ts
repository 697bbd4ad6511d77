import type { ArmSums, ExperimentPlan, Guardrail, Metric } from "../experiment-plan.ts";

export const orders: Metric = { name: "orders", kind: "binary", better: "higher" };
export const returns: Guardrail = { name: "returns", kind: "binary", better: "lower", margin: 0.2 };
export const revenue: Metric = { name: "revenue", kind: "revenue", better: "higher" };

export const plan: ExperimentPlan = {
  arms: [
    { name: "control", weight: 1 },
    { name: "bold", weight: 1 },
  ],
  control: "control",
  goals: [orders],
  guardrails: [],
  method: { kind: "always_valid" },
  alpha: 0.05,
};
export const guarded: ExperimentPlan = { ...plan, guardrails: [returns] };

/** An arm with so many users and, of each binary metric, so many who did. */
export const arm = (name: string, users: number, did: Readonly<Record<string, number>>): ArmSums => ({
  name,
  users,
  metrics: Object.fromEntries(Object.entries(did).map(([metric, sum]) => [metric, { sum }])),
});
