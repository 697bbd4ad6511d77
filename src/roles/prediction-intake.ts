import { toBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { type Prediction, PredictionSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { OverLimit } from "../domain/errors.ts";
import { FairQueue } from "../domain/limit/fair-queue.ts";
import { toExpiry } from "../domain/prediction/to-expiry.ts";
import type { SegmentDirectory } from "../integrations/segment-directory.ts";
import {
  findKnownPredictions,
  findWithNewer,
  insertPredictions,
  predictionDocumentId,
  type Store,
} from "../store/index.ts";
import type { Triggers } from "./triggers.ts";

/** What became of a prediction, and the interventions it led to at once. */
export type PredictionOutcome = {
  readonly effect: "kept" | "stale" | "repeated" | "expired";
  readonly interventionIds: readonly string[];
};

/** A prediction that was found right. */
export type GivenPrediction = { readonly workspace: string; readonly prediction: Prediction };

/** What taking in stands on. */
export type PredictionIntakeOptions = {
  readonly store: Store;
  readonly triggers: Pick<Triggers, "onPredictions">;
  readonly metrics: {
    readonly predictions: { readonly inc: (labels: { readonly effect: PredictionOutcome["effect"] }) => void };
  };
  /** Told of whom something new is foreseen. Default: nobody looks. */
  readonly segments?: Pick<SegmentDirectory, "noteChanges"> | undefined;
  readonly now: () => Date;
};

type Waiting = GivenPrediction & {
  readonly resolve: (outcome: PredictionOutcome) => void;
  readonly reject: (error: unknown) => void;
};

const GROUP_MAX = 1_000;
/** One workspace gets half. */
const QUEUE_MAX = 40_000;
const RETRY_WHEN_FULL_MS = 1_000;

/** Takes predictions in: what is new and holds has its effect and is then kept. In this order, so that one that is known has had its
 *  effect: what was interrupted in between has it again, which changes nothing. Those that come while others are taken in share
 *  their reads and writes; a lone one goes at once. */
export class PredictionIntake {
  readonly #options: PredictionIntakeOptions;
  readonly #queue = new FairQueue<Waiting>(QUEUE_MAX);
  #isWorking = false;

  constructor(options: PredictionIntakeOptions) {
    this.#options = options;
  }

  /** Resolves when it is on disk, and so is all that it led to.
   *  @throws Unavailable when that may not be so; trying again is safe. OverLimit when too many wait. */
  ingest(given: GivenPrediction): Promise<PredictionOutcome> {
    return new Promise((resolve, reject) => {
      if (!this.#queue.push(given.workspace, { ...given, resolve, reject }))
        reject(
          new OverLimit(
            "predictions of this workspace waiting to be taken in",
            "too many predictions of this workspace wait already: try again later",
            RETRY_WHEN_FULL_MS,
          ),
        );
      else if (this.#queue.size === 1) queueMicrotask(() => void this.#pump());
    });
  }

  async #pump(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    while (this.#queue.size > 0) {
      const group = this.#queue.take(GROUP_MAX);
      try {
        const outcomes = await this.#take(group);
        for (const [index, { resolve }] of group.entries())
          resolve(outcomes[index] ?? { effect: "repeated", interventionIds: [] });
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#isWorking = false;
  }

  /** @returns what became of each, in their order. */
  async #take(group: readonly GivenPrediction[]): Promise<PredictionOutcome[]> {
    const { metrics, now, store, triggers } = this.#options;
    const at = now();
    const effects = await this.#judge(group, at);
    const kept = group.filter((_, index) => effects[index] === "kept");
    const led = await triggers.onPredictions(kept);
    await insertPredictions(
      store,
      kept.map(({ workspace, prediction }) => ({
        _id: predictionDocumentId(workspace, prediction.predictionId),
        workspaceId: workspace,
        userId: prediction.userId,
        kind: prediction.kind,
        predictedAt: toTime(prediction),
        receivedAt: at,
        prediction: new Binary(toBinary(PredictionSchema, prediction)),
      })),
    );
    await this.#options.segments?.noteChanges(
      group.map(({ workspace, prediction: { userId } }) => ({ workspaceId: workspace, userId })),
    );
    let next = 0;
    return effects.map((effect) => {
      metrics.predictions.inc({ effect });
      if (effect !== "kept") return { effect, interventionIds: [] };
      const interventionIds = led[next] ?? [];
      next += 1;
      return { effect, interventionIds };
    });
  }

  /** What is to become of each: in their order, as if each had come after those before it. */
  async #judge(group: readonly GivenPrediction[], at: Date): Promise<PredictionOutcome["effect"][]> {
    const { store } = this.#options;
    const ids = group.map(({ workspace, prediction }) => predictionDocumentId(workspace, prediction.predictionId));
    const asked = group.map(({ workspace, prediction }) => ({
      workspaceId: workspace,
      userId: prediction.userId,
      kind: prediction.kind,
      than: toTime(prediction),
      isExpired: toExpiry(prediction) <= at,
    }));
    const [known, withNewer] = await Promise.all([
      findKnownPredictions(store, ids),
      findWithNewer(
        store,
        asked.filter(({ isExpired }) => !isExpired),
      ),
    ]);
    const newest = new Map<string, number>();
    return group.map(({ workspace, prediction }, index) => {
      const id = ids[index] ?? "";
      if (known.has(id)) return "repeated";
      const one = asked[index];
      if (one?.isExpired !== false) return "expired";
      const whose = JSON.stringify([workspace, prediction.userId, prediction.kind]);
      const ms = toTime(prediction).getTime();
      if (withNewer.has(one) || ms < (newest.get(whose) ?? Number.NEGATIVE_INFINITY)) return "stale";
      newest.set(whose, ms);
      known.add(id);
      return "kept";
    });
  }
}

const toTime = ({ predictTime }: Prediction) => (predictTime === undefined ? new Date(0) : timestampDate(predictTime));
