import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { InterventionMessageSchema } from "../../../gen/intervention/v1/bus_pb.js";
import { DecisionInputSchema } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel, ChannelChoice_Method, type PolicySchema } from "../../../gen/intervention/v1/intervention_pb.js";
import { decide } from "../../domain/decision/decide.ts";
import type { ChoiceModel } from "../../integrations/choice-model.ts";
import { insertDecisions, insertEvents, type Store } from "../../store/index.ts";
import { addChoice } from "../choice-input.ts";
import { toDecisionDocument } from "../to-decision-document.ts";

type PolicyInit = Extract<MessageInitShape<typeof PolicySchema>, { $typeName?: never }>;

const { REALTIME, INBOX, WEBHOOK } = Channel;
const learned: PolicyInit = {
  channels: [REALTIME, INBOX, WEBHOOK],
  channelChoice: { method: ChannelChoice_Method.LEARNED, exploration: 0.02, reward: { clicked: 1 } },
};
let made = 0;

/** Decides as a decider does, by what was learnt so far, and keeps the decisions: the channels are realtime, inbox and webhook. */
export async function drawChoices(
  { store, choices }: { readonly store: Store; readonly choices: Pick<ChoiceModel, "find"> },
  {
    workspace,
    count,
    now,
    campaign = "",
  }: { readonly workspace: string; readonly count: number; readonly now: Date; readonly campaign?: string },
) {
  const documents = Array.from({ length: count }, () => {
    made += 1;
    const input = create(DecisionInputSchema, {
      ...{ workspace, campaign, interventionId: `iv${made}`, recipient: { userId: "ada" }, policy: learned },
      ...{ now: timestampFromDate(now), hasLiveSocket: true, defaultTimeZone: "UTC", providedChannels: [WEBHOOK] },
    });
    addChoice({ costOf: () => undefined, choices }, input, create(InterventionMessageSchema));
    const decision = decide(input);
    return toDecisionDocument({ input, decision, capNumber: undefined, now, segments: [], capUserId: "" });
  });
  const conflicts = await insertDecisions(store, documents);
  if (conflicts.length > 0) throw new Error(`${conflicts.length} decisions were there already`);
  return documents;
}

/** Users who click, each channel's at a rate of its own, the same in each run. */
export function clickers(rates: Readonly<Record<string, number>>, seed: number) {
  const random = seeded(seed);
  return async (store: Store, documents: Awaited<ReturnType<typeof drawChoices>>): Promise<void> => {
    for (const { workspaceId, interventionId, channel, decidedAt } of documents)
      if (random() < (rates[channel ?? ""] ?? 0)) await click(store, workspaceId, interventionId, { at: decidedAt });
  };
}

/** One click.
 *  @param more.actor default: nobody asked who it was. */
export function click(
  store: Store,
  workspaceId: string,
  interventionId: string,
  { at, ...actor }: { readonly at: Date; readonly actor?: string },
) {
  const common = { workspaceId, interventionId, userId: "ada", kind: "clicked", campaign: "", channel: "inbox" };
  return insertEvents(store, [
    { _id: `${interventionId}:clicked`, ...common, occurredAt: at, receivedAt: at, ...actor },
  ]);
}

/** Uniform numbers from a seed (mulberry32): the same run each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
