import { PredictionKind } from "../../gen/intervention/v1/shopper_pb.js";
import type { Engine } from "../../src/start/index.ts";
import { createCampaign } from "../create-campaign.ts";
import { type LoadProcess, startLoadProcess } from "./channel.ts";
import type { Caller, FromSender, Schedule, ToPredictionSender, ToSender, Via } from "./messages.ts";

export type SenderOptions = {
  readonly via: Via;
  /** Of calls. */
  readonly transport: Caller;
  readonly batch: number;
  readonly users: number;
  /** From which number to which, the last not included. */
  readonly from: number;
  readonly to: number;
};

/** A sender that waits for its start. */
export type Sender = LoadProcess<FromSender, { readonly kind: "start"; readonly schedule: Schedule }>;

/** Starts a process that has everything encoded. */
export function prepareSender(engine: Engine, options: SenderOptions): Promise<Sender> {
  return options.via === "rpc" ? prepareCalls(engine, options) : preparePredictions(engine, options);
}

async function prepareCalls(engine: Engine, options: SenderOptions): Promise<Sender> {
  const { batch, from, to, transport, users } = options;
  const sender = startLoadProcess<FromSender, ToSender>("load-sender.ts");
  const url = transport === "grpc" ? engine.grpcUrl : engine.edgeUrl;
  const apiKey = engine.credentials.api_key;
  await Promise.all([
    sender.next("prepared"),
    sender.send({ kind: "prepare", caller: transport, url, apiKey, users, from, to, batch }),
  ]);
  return sender;
}

async function preparePredictions(engine: Engine, { from, to, users }: SenderOptions): Promise<Sender> {
  await createCampaign(engine, {
    campaignId: "bench",
    displayName: "Bench",
    kind: PredictionKind.ABANDONMENT_RISK,
    // As much as a call carries, but for the number.
    content: {
      title: "Offer",
      body: "Three things are still in your cart. Order within the hour and the delivery is on us, wherever you are.",
    },
  });
  const sender = startLoadProcess<FromSender, ToPredictionSender>("prediction-sender.ts");
  const subject = `ai.predictions.${engine.credentials.workspace}`;
  await Promise.all([
    sender.next("prepared"),
    sender.send({ kind: "prepare", natsUrl: engine.servers.natsUrl, subject, users, from, to }),
  ]);
  return sender;
}
