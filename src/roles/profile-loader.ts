import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  ConsentStatus,
  ContactChannel,
  ProfileFallback,
  type ProfileSnapshot,
  ProfileSnapshotSchema,
  ProfileSource,
} from "../../gen/intervention/v1/profile_pb.js";
import { toQuietHours } from "../domain/profile/quiet-hours-text.ts";
import { fromConsentName } from "../domain/profile/register-keys.ts";
import type { DataIntelligence, Lookup } from "../integrations/data-intelligence.ts";
import { findProfileOutlines, type ProfileOutline, profileId, type Store } from "../store/index.ts";

/** A user as a decision asks for him. */
export type WhoToLoad = { readonly workspaceId: string; readonly userId: string };

/** What a decision knows of its user. */
export type LoadedProfile = {
  readonly snapshot: ProfileSnapshot;
  /** The user id that a cap counts by. */
  readonly survivingUserId: string;
  /** Every id the user goes by, the surviving one first. */
  readonly userIds: readonly string[];
  /** What email, SMS and push need to know beside the snapshot: where they go, and every word on them. */
  readonly contacts: Pick<ProfileSnapshot, "addresses" | "consents">;
};

/** Loads what is known of the users of a batch: our own profiles in one read, and at the same time what the data-intelligence
 *  service knows, if there is one. Our own are not remembered from batch to batch: a no that a user has just said must count. */
export class ProfileLoader {
  readonly #store: Store;
  readonly #dataIntelligence: DataIntelligence | undefined;

  constructor(options: { readonly store: Store; readonly dataIntelligence: DataIntelligence | undefined }) {
    this.#store = options.store;
    this.#dataIntelligence = options.dataIntelligence;
  }

  /** @returns a function that has each of the users. @throws Unavailable when the store does not answer. */
  async load(users: readonly WhoToLoad[]): Promise<(user: WhoToLoad) => LoadedProfile> {
    const [own, lookups] = await Promise.all([findProfileOutlines(this.#store, users), this.#look(users)]);
    return ({ workspaceId, userId }) => {
      const key = profileId(workspaceId, userId);
      return toLoaded(userId, own.get(key), lookups.get(key));
    };
  }

  async #look(users: readonly WhoToLoad[]): Promise<Map<string, Lookup>> {
    const neighbour = this.#dataIntelligence;
    if (neighbour === undefined) return new Map();
    const found = await Promise.all(
      [...Map.groupBy(users, ({ workspaceId }) => workspaceId)].map(async ([workspaceId, its]) => {
        const lookups = await neighbour.look(
          workspaceId,
          its.map(({ userId }) => userId),
        );
        return [...lookups].map(([userId, lookup]) => [profileId(workspaceId, userId), lookup] as const);
      }),
    );
    return new Map(found.flat());
  }
}

const FALLBACKS = {
  fallback_timeout: ProfileFallback.TIMEOUT,
  fallback_open: ProfileFallback.OPEN,
  fallback_error: ProfileFallback.ERROR,
  fallback_full: ProfileFallback.FULL,
  garbage: ProfileFallback.GARBAGE,
} as const;

function toLoaded(userId: string, own: ProfileOutline | undefined, lookup: Lookup | undefined): LoadedProfile {
  const survivingUserId = own?.userId ?? userId;
  const known = lookup?.kind === "answered" ? lookup.profile : undefined;
  const source =
    known !== undefined ? ProfileSource.DATA_INTELLIGENCE : own !== undefined ? ProfileSource.OWN : ProfileSource.NONE;
  const snapshot: MessageInitShape<typeof ProfileSnapshotSchema> = {
    source,
    stale: known !== undefined && lookup?.outcome === "stale",
    fallback: lookup?.kind === "failed" ? FALLBACKS[lookup.outcome] : ProfileFallback.UNSPECIFIED,
    survivingUserId: survivingUserId === userId ? "" : survivingUserId,
    timeZone: known?.timeZone || own?.timeZone || "",
    locale: known?.locale || own?.locale || "",
    ...toQuietHours(own?.quietHours ?? ""),
    consents: (own?.denied ?? []).flatMap(({ name, at }) => toRefusal(name, at)),
  };
  const contacts: MessageInitShape<typeof ProfileSnapshotSchema> = {
    addresses: (own?.addresses ?? []).map((one) => ({ ...one, $typeName: "intervention.v1.Address", removed: false })),
    consents: [
      ...(own?.denied ?? []).flatMap(({ name, at }) => toWord(name, at, ConsentStatus.DENIED)),
      ...(own?.granted ?? []).flatMap(({ name, at }) => toWord(name, at, ConsentStatus.GRANTED)),
    ],
  };
  return {
    snapshot: create(ProfileSnapshotSchema, snapshot),
    contacts: create(ProfileSnapshotSchema, contacts),
    survivingUserId,
    userIds: own === undefined ? [userId] : [survivingUserId, ...own.aliases],
  };
}

/** A word on a channel that a provider carries. */
function toWord(name: string, at: Date, status: ConsentStatus) {
  const subject = fromConsentName(name);
  if (subject === undefined || isOwn(subject.channel)) return [];
  return [{ ...subject, status, changeTime: timestampFromDate(at) }];
}

const isOwn = (channel: ContactChannel) => channel === ContactChannel.REALTIME || channel === ContactChannel.INBOX;

/** Only of the channels that every decision looks at: the others say nothing to one whose policy does not name them. */
function toRefusal(name: string, at: Date) {
  const subject = fromConsentName(name);
  if (subject === undefined || !isOwn(subject.channel)) return [];
  return [{ ...subject, status: ConsentStatus.DENIED, changeTime: timestampFromDate(at) }];
}
