import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import {
  type Campaign,
  CampaignSchema,
  type TriggerSource,
  TriggerSourceSchema,
} from "../../gen/intervention/v1/campaign_pb.js";
import { insertJourneyVersion, insertTravellers, type Store, type TravellerDocument } from "../store/index.ts";

/** Somebody who comes into a journey. */
export type Arrival = {
  readonly userId: string;
  readonly source: TriggerSource;
  /** What made him come in: the same brings him in once. */
  readonly by: string;
};

const ID_CHARACTERS = 26;
const VERSIONS_KNOWN_MAX = 10_000;

/** Lets users into journeys. */
export class JourneyDoor {
  readonly #store: Store;
  readonly #now: () => Date;
  readonly #kept = new Set<string>();

  constructor({ store, now }: { readonly store: Store; readonly now: () => Date }) {
    this.#store = store;
    this.#now = now;
  }

  /** Returns when all are in. The journey is kept first, so that nobody is ever in one that is not known.
   *  @returns how many were not in before. */
  async enter(workspaceId: string, campaign: Campaign, arrivals: readonly Arrival[]): Promise<number> {
    await this.#keep(workspaceId, campaign);
    const at = this.#now();
    return insertTravellers(
      this.#store,
      arrivals.map((arrival) => toTraveller(workspaceId, campaign, arrival, at)),
    );
  }

  async #keep(workspaceId: string, campaign: Campaign): Promise<void> {
    const { campaignId, journeyVersion: version } = campaign;
    const key = `${workspaceId}/${campaignId}/${version}`;
    if (this.#kept.has(key)) return;
    const body = new Binary(toBinary(CampaignSchema, campaign));
    await insertJourneyVersion(this.#store, { workspaceId, campaignId, version }, body);
    if (this.#kept.size < VERSIONS_KNOWN_MAX) this.#kept.add(key);
  }
}

function toTraveller(
  workspaceId: string,
  { campaignId, journeyVersion }: Campaign,
  { userId, source, by }: Arrival,
  at: Date,
): TravellerDocument {
  const id = createHash("sha256").update([workspaceId, campaignId, userId, by].join("\0")).digest("hex");
  return {
    ...{ _id: id.slice(0, ID_CHARACTERS), workspaceId, campaignId, userId, journeyVersion },
    ...{ enteredAt: at, dueAt: at, stepId: "", moves: 0, path: [] },
    source: new Binary(toBinary(TriggerSourceSchema, source)),
  };
}
