import { attributePath } from "../src/domain/attribution/attribute-path.ts";
import type { ChannelPath } from "../src/domain/attribution/channel-path.ts";
import { heuristicAttribution } from "../src/domain/attribution/heuristic-attribution.ts";
import { markovAttribution } from "../src/domain/attribution/markov-attribution.ts";
import type { PathModel } from "../src/domain/attribution/path-model.ts";
import { shapleyAttribution } from "../src/domain/attribution/shapley-attribution.ts";
import type { Touch } from "../src/domain/attribution/touch.ts";
import { type Random, seededRandom } from "./random.ts";

export type AttributionBench = {
  readonly conversions: number;
  readonly channels: number;
  readonly say: (line: string) => void;
};

type Journey = { readonly touches: readonly Touch[]; readonly value: number };

const dayMs = 86_400_000;
const conversionAt = 30 * dayMs;
const windows = { clickMs: 7 * dayMs, viewMs: dayMs };
const pathModels: readonly PathModel[] = [
  { kind: "first" },
  { kind: "last" },
  { kind: "last_non_direct" },
  { kind: "linear" },
  { kind: "position_based" },
  { kind: "time_decay", halfLifeDays: 3.5 },
];

/** Credits conversions with paths under every model, each from the touches on, one process and one core.
 *  `seconds` by model; `unbalanced` counts conversions whose credits do not sum to their value exactly. */
export function benchAttribution({ conversions, channels, say }: AttributionBench) {
  const random = seededRandom(9);
  const journeys = Array.from({ length: conversions }, () => toJourney(channels, random));
  const paths = journeys.map(toPath);
  const seconds: Record<string, number> = {};
  let unbalanced = 0;
  const time = (name: string, work: () => void) => {
    const startedMs = performance.now();
    work();
    seconds[name] = Math.round(performance.now() - startedMs) / 1_000;
    say(`${name}: ${seconds[name]} s`);
  };
  for (const model of pathModels) {
    time(model.kind, () => {
      for (const { touches, value } of journeys) {
        const { credits, unattributed } = attributePath(touches, { value, at: conversionAt }, { model, windows });
        const sum = credits.reduce((total, { credit }) => total + credit, unattributed);
        if (sum !== value) unbalanced += 1;
      }
    });
  }
  time("heuristic", () => heuristicAttribution(paths));
  time("markov_1", () => markovAttribution(paths, 1));
  time("markov_2", () => markovAttribution(paths, 2));
  time("shapley_conversions", () => shapleyAttribution(paths, "conversions"));
  time("shapley_rate", () => shapleyAttribution(paths, "rate"));
  return {
    conversions,
    channels,
    touches: journeys.reduce((sum, { touches }) => sum + touches.length, 0),
    unbalanced,
    seconds,
  };
}

/** One to fifteen touches within nine days, four in the mean, the first channels more often. */
function toJourney(channels: number, random: Random): Journey {
  const count = Math.min(15, 1 + Math.floor(-3.5 * Math.log(1 - random())));
  const touches = Array.from({ length: count }, (_, index): Touch => {
    const channel = Math.floor(random() ** 2 * channels);
    return {
      id: `t${index}`,
      channel: channel === 0 ? "direct" : `channel-${channel}`,
      kind: random() < 0.7 ? "click" : "view",
      at: conversionAt - Math.floor(random() * 9 * dayMs),
    };
  });
  return { touches, value: 100 + Math.floor(random() * 50_000) };
}

/** As many paths again came to nothing, twice. */
function toPath({ touches }: Journey): ChannelPath {
  return { path: [...touches].sort((a, b) => a.at - b.at).map(({ channel }) => channel), conversions: 1, nulls: 2 };
}
