import type { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { fromChannelName } from "../domain/delivery/channel-names.ts";
import type { LoggedChoice } from "../domain/policy/evaluate-choices.ts";
import { type FindPlaced, findRewards } from "../integrations/choice-rewards.ts";
import { listChosen, type Store } from "../store/index.ts";

/** Decisions that one evaluation rests on: with their events and orders some seconds of work, and some megabytes. */
const CHOICES_MAX = 20_000;
/** A campaign's own are looked for among so many. */
const LOOKED_AT_MAX = 200_000;

/** The choices of channel that were drawn in a time, with what they have earned by now.
 *  @param options.campaign empty for all. @returns at most 20,000, and whether there are more. */
export async function findChoices(
  parts: { readonly store: Store; readonly findOrders: FindPlaced },
  options: { readonly workspaceId: string; readonly campaign: string; readonly from: Date; readonly until: Date },
): Promise<{ readonly choices: readonly LoggedChoice<Channel>[]; readonly isCut: boolean }> {
  const { workspaceId, campaign } = options;
  const choices: LoggedChoice<Channel>[] = [];
  let lookedAt = 0;
  for await (const page of listChosen(parts.store, options)) {
    if (choices.length >= CHOICES_MAX || lookedAt >= LOOKED_AT_MAX) return { choices, isCut: true };
    lookedAt += page.length;
    const wanted = campaign === "" ? page : page.filter((document) => document.campaign === campaign);
    for (const { document, chosen, reward } of await findRewards(parts, workspaceId, wanted)) {
      const arms = chosen.probabilities.map(({ channel }) => channel);
      choices.push({
        ...{ segment: chosen.segment, arms, reward },
        probabilities: chosen.probabilities.map(({ probability }) => probability),
        action: arms.indexOf(fromChannelName(document.channel)),
      });
    }
  }
  return { choices, isCut: false };
}
