import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { DecisionInputSchema, DecisionSchema, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { decide } from "../../domain/decision/decide.ts";
import {
  decisionId,
  findInterventions,
  insertDecisions,
  type Store,
  toInterventionMessage,
} from "../../store/index.ts";

/** Records a real decision on an accepted intervention, without the role that does so: tests choose the moment. */
export async function decideByHand(
  store: Store,
  interventionId: string,
  options: {
    readonly hasLiveSocket?: boolean;
    readonly round?: number;
    readonly at?: Date;
  } = {},
): Promise<void> {
  const { hasLiveSocket = false, round = 0, at = new Date() } = options;
  const [document] = await findInterventions(store, "main", [interventionId]);
  if (document === undefined) throw new Error(`${interventionId} was not accepted`);
  const { workspace, recipient, campaign, policy, expireTime } = toInterventionMessage(document);
  const input = create(DecisionInputSchema, {
    ...{ workspace, interventionId, round, campaign, hasLiveSocket, defaultTimeZone: "UTC" },
    now: timestampFromDate(at),
    ...(recipient === undefined ? {} : { recipient }),
    ...(policy === undefined ? {} : { policy }),
    ...(expireTime === undefined ? {} : { expireTime }),
  });
  const decision = decide(input);
  const channel = decision.channel === Channel.REALTIME ? "realtime" : "inbox";
  const isSend = decision.outcome === Outcome.SEND;
  await insertDecisions(store, [
    {
      _id: decisionId(interventionId, round),
      ...{ workspaceId: "main", interventionId, round, campaign, decidedAt: at },
      userId: document.userId,
      outcome: isSend ? "send" : decision.outcome === Outcome.DELAY ? "delay" : "suppress",
      input: new Binary(toBinary(DecisionInputSchema, input)),
      decision: new Binary(toBinary(DecisionSchema, decision)),
      ...(isSend ? { channel } : {}),
    },
  ]);
}
