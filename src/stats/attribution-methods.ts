import { z } from "zod";
import { attributePath } from "../domain/attribution/attribute-path.ts";
import { attributionLedger } from "../domain/attribution/attribution-ledger.ts";
import { heuristicAttribution } from "../domain/attribution/heuristic-attribution.ts";
import { markovAttribution } from "../domain/attribution/markov-attribution.ts";
import { shapleyAttribution } from "../domain/attribution/shapley-attribution.ts";
import type { Methods } from "./methods.ts";
import { count, parseInput, positive, timeMs } from "./parse-input.ts";

const name = z.string().min(1);
const minorUnits = z.int();

const touches = z.array(z.object({ id: z.string(), channel: name, kind: z.enum(["click", "view"]), at: timeMs }));

const windows = z
  .object({ click_ms: count, view_ms: count })
  .transform(({ click_ms, view_ms }) => ({ clickMs: click_ms, viewMs: view_ms }));

/** The half-life is looked at wherever it stands, and must stand where time decays. */
const model = z
  .object({
    model: z.enum(["first", "last", "last_non_direct", "linear", "position_based", "time_decay"]),
    half_life_days: positive.optional(),
  })
  .transform(({ model: kind, half_life_days: halfLifeDays }, context) => {
    if (kind !== "time_decay") return { kind };
    if (halfLifeDays !== undefined) return { kind, halfLifeDays };
    context.addIssue({ code: "custom", path: ["half_life_days"], message: "is missing: time_decay needs it" });
    return z.NEVER;
  });

const pathInput = z.object({ touches, windows, conversion: z.object({ value: minorUnits, at: timeMs }) });

const ledgerInput = z.object({
  touches,
  windows,
  events: z.array(
    z.discriminatedUnion("type", [
      z
        .object({ type: z.literal("conversion"), order_id: name, value: minorUnits, at: timeMs })
        .transform(({ order_id, value, at }) => ({ kind: "conversion", orderId: order_id, value, at }) as const),
      z
        .object({ type: z.literal("refund"), order_id: name, value: z.int().gt(0), at: timeMs })
        .transform(({ order_id, value, at }) => ({ kind: "refund", orderId: order_id, value, at }) as const),
    ]),
  ),
});

const paths = z.array(z.object({ path: z.array(name).min(1), conversions: count, nulls: count })).min(1);

/** Attribution, under the field names of the reference vectors. */
export const ATTRIBUTION_METHODS: Methods = {
  attribute_path: (input) => {
    const { touches, conversion, windows } = parseInput(pathInput, input);
    const result = attributePath(touches, conversion, { model: parseInput(model, input), windows });
    return {
      credits: result.credits.map(({ touch, credit }) => ({ touch_id: touch.id, credit })),
      by_channel: Object.fromEntries(result.byChannel),
      unattributed: result.unattributed,
    };
  },
  attribution_ledger: (input) => {
    const { touches, events, windows } = parseInput(ledgerInput, input);
    const result = attributionLedger(touches, events, { model: parseInput(model, input), windows });
    return {
      by_channel: Object.fromEntries(result.byChannel),
      unattributed: result.unattributed,
      net_value: result.netValue,
      net_by_order: Object.fromEntries(result.netByOrder),
    };
  },
  markov_attribution: (input) => {
    const { order, paths: seen } = parseInput(z.object({ order: z.int().min(1), paths }), input);
    const result = markovAttribution(seen, order);
    return {
      base_conversion_probability: result.baseConversionProbability,
      removal_effects: Object.fromEntries(result.removalEffects),
      conversions: Object.fromEntries(result.conversions),
    };
  },
  shapley_attribution: (input) => {
    const shape = z.object({ characteristic: z.enum(["conversions", "rate"]), paths });
    const { characteristic, paths: seen } = parseInput(shape, input);
    const { credits, total } = shapleyAttribution(seen, characteristic);
    return { credits: Object.fromEntries(credits), total };
  },
  heuristic_attribution: (input) => {
    const { first, last, linear } = heuristicAttribution(parseInput(z.object({ paths }), input).paths);
    return {
      first: Object.fromEntries(first),
      last: Object.fromEntries(last),
      linear: Object.fromEntries(linear),
    };
  },
};
