import { type AiEngine, startAiEngine } from "../../deploy/sandbox/ai-engine/start-ai-engine.ts";
import { type EventPipeline, startEventPipeline } from "../../deploy/sandbox/event-pipeline/start-event-pipeline.ts";
import type { Engine } from "../../src/start/index.ts";
import type { Purchase } from "../cdnow.ts";
import type { Acceptances } from "./acceptances.ts";
import type { Account } from "./account.ts";

export type NeighboursOptions = {
  readonly engine: Engine;
  readonly purchases: readonly Purchase[];
  /** Purchases a second. */
  readonly rate: number;
  readonly account: Account;
  readonly acceptances: Acceptances;
  readonly now: () => number;
};

/** As many as are accepted in some half of a second; beyond that purchases wait, so that latency says something of the engine and
 *  not of a queue before it. */
const inFlightMax = 400;

/** Starts the shop's event pipeline and its AI engine, which meet the engine and each other on NATS alone. A shopper's next purchase
 *  waits until the one before has led to an intervention: the replay makes a minute of a year and a half, and a prediction that a
 *  newer one overtakes rightly leads to nothing. */
export async function startNeighbours(
  options: NeighboursOptions,
): Promise<{ readonly ai: AiEngine; readonly pipeline: EventPipeline }> {
  const { account, acceptances, engine, now, purchases, rate } = options;
  const place = { natsUrl: engine.servers.natsUrl, workspace: engine.credentials.workspace };
  // The others (churn, abandonment) no campaign of the demo waits for.
  const ai = await startAiEngine({ ...place, kinds: ["PREDICTION_KIND_PURCHASE_INTENT"] });
  const pipeline = await startEventPipeline({
    ...place,
    purchases,
    rate,
    inFlightMax,
    onSend: (purchase) => {
      acceptances.expect(purchase);
      account.publish(purchase, now());
    },
    until: (purchase) => acceptances.until(purchase),
  });
  return { ai, pipeline };
}
