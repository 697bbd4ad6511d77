import { describe, expect, it, test } from "vitest";
import { readCases } from "./read-cases.ts";
import { METHODS_BY_KIND, runCase } from "./run-case.ts";

const touch = { id: "t", channel: "email", kind: "click", at: 1_000 };
const windows = { click_ms: 1_000, view_ms: 1_000 };
const path = { model: "linear", touches: [touch], windows, conversion: { value: 10, at: 1_500 } };
const refund = (order_id: string, value: unknown) => ({ type: "refund", order_id, value, at: 3 });
const order = { type: "conversion", order_id: "o", value: 10, at: 2 };
const ledger = { model: "linear", touches: [touch], windows, events: [order] };
const paths = [{ path: ["email", "sms"], conversions: 1, nulls: 2 }];
const evaluation = {
  actions: [0, 1],
  rewards: [1, 0],
  propensities: [0.5, 0.5],
  target: [
    [0.5, 0.5],
    [0.5, 0.5],
  ],
  reward_model: [
    [0, 0],
    [0, 0],
  ],
  alpha: 0.05,
};
const customer = { r: 1, alpha: 1, a: 1, b: 1, frequency: 1, recency: 5, T: 10, t: 4 };
const manyChannels = [{ path: Array.from({ length: 21 }, (_, i) => `c${i}`), conversions: 1, nulls: 1 }];

const inputs = {
  attribute_path: path,
  attribution_ledger: ledger,
  markov_attribution: { order: 1, paths },
  shapley_attribution: { characteristic: "rate", paths },
  heuristic_attribution: { paths },
  off_policy_evaluation: evaluation,
  bg_nbd_predict: customer,
  bg_nbd_fit: {
    rows: [
      [0, 0, 30, 60],
      [2, 20, 30, 20],
      [1, 3, 30, 20],
    ],
  },
  thompson_allocation: { arms: [[1, 1]] },
};
const methods = { ...METHODS_BY_KIND.attribution, ...METHODS_BY_KIND.policy, ...METHODS_BY_KIND.experiment };
const run = (method: string, input: unknown) => runCase(methods, { id: "case", method, input });

describe("a method", () => {
  test.each(Object.entries(inputs))("%s answers an input that is as it must be", (method, input) => {
    expect(run(method, input)).toHaveProperty("result");
  });

  // Each differs from the one above by what the last column says is named in the refusal.
  test.each([
    ["attribute_path", { ...path, model: "middle" }, "model"],
    ["attribute_path", { ...path, conversion: { value: 10 } }, "conversion.at"],
    ["attribute_path", { ...path, conversion: { value: 2 ** 53, at: 1_500 } }, "conversion.value"],
    ["attribute_path", { ...path, conversion: { value: Number.POSITIVE_INFINITY, at: 1 } }, "conversion.value"],
    ["attribute_path", { ...path, windows: { click_ms: 1 } }, "windows.view_ms"],
    ["attribute_path", { ...path, touches: [{ ...touch, kind: "open" }] }, "touches[0].kind"],
    ["attribute_path", { ...path, touches: [{ ...touch, at: null }] }, "touches[0].at"],
    ["attribute_path", { ...path, model: "time_decay" }, "half_life_days"],
    ["attribute_path", { ...path, model: "time_decay", half_life_days: -1 }, "half_life_days"],
    ["attribute_path", { ...path, half_life_days: null }, "half_life_days"],
    ["attribute_path", null, "input"],
    ["attribution_ledger", { ...ledger, events: [order, refund("other", 1)] }, "events[1]"],
    ["attribution_ledger", { ...ledger, events: [refund("o", 1), order] }, "events[0]"],
    ["attribution_ledger", { ...ledger, events: [order, refund("o", 6), refund("o", 5)] }, "events[2]"],
    ["attribution_ledger", { ...ledger, events: [order, refund("o", 0)] }, "events[1].value"],
    ["attribution_ledger", { ...ledger, events: [{ ...order, type: "gift" }] }, "events[0].type"],
    ["markov_attribution", { order: 0, paths }, "order"],
    ["markov_attribution", { order: 1.5, paths }, "order"],
    ["markov_attribution", { order: 1, paths: [] }, "paths"],
    ["markov_attribution", { order: 1, paths: [{ path: ["a"], conversions: 0.5, nulls: 0 }] }, "paths[0].conversions"],
    ["markov_attribution", { order: 1, paths: [{ path: ["a"], conversions: 1 }] }, "paths[0].nulls"],
    ["shapley_attribution", { characteristic: "revenue", paths }, "characteristic"],
    ["shapley_attribution", { characteristic: "rate", paths: manyChannels }, "at most 20"],
    ["heuristic_attribution", { paths: [{ path: [], conversions: 1, nulls: 0 }] }, "paths[0].path"],
    ["off_policy_evaluation", { ...evaluation, alpha: 1 }, "alpha"],
    ["off_policy_evaluation", { ...evaluation, alpha: 0 }, "alpha"],
    ["off_policy_evaluation", { ...evaluation, propensities: [1.1, 0.5] }, "propensities[0]"],
    ["off_policy_evaluation", { ...evaluation, actions: [-1, 0] }, "actions[0]"],
    [
      "off_policy_evaluation",
      {
        ...evaluation,
        target: [
          [0.5, 0.5],
          [0.5, 0.4],
        ],
      },
      "target[1]",
    ],
    ["off_policy_evaluation", { ...evaluation, target: [[0.5, 0.5], [1]] }, "target[1]"],
    [
      "off_policy_evaluation",
      {
        ...evaluation,
        target: [
          [0, 1],
          [1, 0],
        ],
      },
      "every action that was logged",
    ],
    [
      "off_policy_evaluation",
      {
        ...evaluation,
        reward_model: [
          [0, 0],
          [0, null],
        ],
      },
      "reward_model[1][1]",
    ],
    [
      "off_policy_evaluation",
      {
        ...evaluation,
        rewards: [1e308, -1e308],
        target: [
          [1, 0],
          [0, 1],
        ],
      },
      "out of range",
    ],
    ["bg_nbd_predict", { ...customer, b: 0 }, "b"],
    ["bg_nbd_predict", { ...customer, frequency: -1 }, "frequency"],
    ["bg_nbd_predict", { ...customer, frequency: 1.5 }, "frequency"],
    ["bg_nbd_predict", { ...customer, recency: 11 }, "recency"],
    ["bg_nbd_predict", { ...customer, t: null }, "t"],
    ["bg_nbd_fit", { rows: [] }, "rows"],
    ["bg_nbd_fit", { rows: [[1, 5, 4, 1]] }, "rows[0]"],
    ["bg_nbd_fit", { rows: [[0, 0, 30, 5]] }, "nobody bought again"],
    ["thompson_allocation", { arms: [] }, "arms"],
    ["thompson_allocation", { arms: [[1, 0]] }, "arms[0][1]"],
    ["no_such_method", {}, "no_such_method"],
    ["toString", {}, "toString"],
  ])("%s refuses %o: %s", (method, input, named) => {
    expect(run(method, input)).toEqual({ id: "case", error: expect.stringContaining(named) });
  });
});

describe("a file of cases", () => {
  const format = "intervention-engine/policy-oracle@1";

  test.each([
    ["[]", "input"],
    ["{", "file"],
    ['{"format":"other","cases":[]}', "format"],
    [`{"format":"${format}"}`, "cases"],
    [`{"format":"${format}","cases":[{"method":"m","input":{}}]}`, "cases[0].id"],
  ])("%s is refused as a whole", (text, field) => {
    expect(() => readCases(text)).toThrowError(
      expect.objectContaining({ violations: [expect.objectContaining({ field })] }),
    );
  });

  it("with a NaN that JSON does not have is read, and only that case refused", () => {
    const input = JSON.stringify(customer);
    const bad = input.replace('"recency":5', '"recency":NaN');
    const text = `{"format":"${format}","cases":[${[bad, input]
      .map((one, i) => `{"id":"c${i} NaN","method":"bg_nbd_predict","input":${one}}`)
      .join()}]}`;
    const { kind, cases } = readCases(text);
    expect(cases.map((one) => runCase(METHODS_BY_KIND[kind], one))).toEqual([
      { id: "c0 NaN", error: expect.stringContaining("recency") },
      { id: "c1 NaN", result: expect.anything() },
    ]);
  });
});
