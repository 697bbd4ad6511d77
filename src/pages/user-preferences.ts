import { randomUUID } from "node:crypto";
import { ConsentStatus, ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import type { ConsentKeeper } from "../api/consent-keeper.ts";
import type { ProfileKeeper } from "../api/profile-keeper.ts";
import { fromContactChannel } from "../domain/delivery/channel-names.ts";
import { findConsent } from "../domain/profile/consent.ts";
import { toQuietHours, toQuietHoursText } from "../domain/profile/quiet-hours-text.ts";
import { LOCALE_KEY, QUIET_HOURS_KEY } from "../domain/profile/register-keys.ts";
import { fromRegistersText, type Register, type Registers } from "../domain/profile/registers.ts";
import { toAddresses, toText } from "../domain/profile/to-profile.ts";
import type { Workspace } from "../integrations/caller.ts";
import {
  type AddressOf,
  findProducts,
  findProfiles,
  findSuppressions,
  followWish,
  listSubscriptions,
  type ProfileDocument,
  profileId,
  type Store,
  toAddressHash,
  unsubscribe,
} from "../store/index.ts";
import type { PreferenceChannel, WantedPreferences } from "./preferences-form.ts";

/** What a user has chosen, and what he can choose from. */
export type Preferences = {
  readonly locale: string;
  readonly timeZone: string;
  /** Whether he gets offers and news by it, for each channel that could reach him. */
  readonly channels: ReadonlyMap<PreferenceChannel, boolean>;
  /** What he follows, with the name of the product that it is about, where it is about one. */
  readonly topics: readonly Topic[];
  readonly quietHours: { readonly start: string; readonly end: string } | undefined;
};
type Topic = {
  readonly topic: string;
  readonly isFollowed: boolean;
  readonly news?: string;
  readonly product?: string;
};

/** What loading and saving preferences works with. */
export type PreferenceParts = {
  readonly store: Store;
  readonly now: () => Date;
  readonly consents: Pick<ConsentKeeper, "say">;
  readonly profiles: Pick<ProfileKeeper, "apply">;
};
type Whose = { readonly workspace: Workspace; readonly userId: string };

/** What a no or a yes to each is about. */
const CONTACTS: Readonly<Record<PreferenceChannel, readonly ContactChannel[]>> = {
  email: [ContactChannel.EMAIL],
  sms: [ContactChannel.SMS],
  push: [ContactChannel.PUSH],
  shop: [ContactChannel.REALTIME, ContactChannel.INBOX],
};
const CHANNELS = ["email", "sms", "push", "shop"] as const satisfies readonly PreferenceChannel[];
const TOPICS_MAX = 100;
const SOURCE = "preference page";
/** Changes with what the page says of offers and news. */
const TEXT_VERSION = "preferences/1";

type Known = {
  readonly profile: ProfileDocument;
  readonly registers: Registers;
  /** By channel the addresses that a provider reaches him at, and whether their owner wants no marketing there. */
  readonly addresses: readonly (AddressOf & { readonly isUnsubscribed: boolean })[];
};

/** @returns undefined where nothing is known of the user, or no more. */
export async function loadPreferences(
  { store }: Pick<PreferenceParts, "store">,
  whose: Whose,
): Promise<Preferences | undefined> {
  const known = await loadKnown(store, whose);
  if (known === undefined) return undefined;
  const { profile, registers } = known;
  return {
    ...{ locale: profile.locale, timeZone: profile.timeZone },
    channels: toChannels(known),
    topics: await listTopics(store, whose.workspace.id, profile),
    quietHours: toQuietHours(toText(registers, QUIET_HOURS_KEY)).quietHours,
  };
}

/** Makes what stands what is wanted, and leaves alone what was not shown. Doing it again does nothing.
 *  @returns what stands then; undefined where nothing is known of the user, or no more. */
export async function savePreferences(
  parts: PreferenceParts,
  whose: Whose,
  wanted: WantedPreferences,
): Promise<Preferences | undefined> {
  const { store, now, consents, profiles } = parts;
  const known = await loadKnown(store, whose);
  if (known === undefined) return undefined;
  const { workspace, userId } = whose;
  const at = now();
  for (const [channel, isOn] of toChannels(known)) {
    const isWanted = wanted.channels.get(channel) ?? isOn;
    if (isWanted === isOn) continue;
    for (const contact of CONTACTS[channel])
      await consents.say(workspace.id, {
        ...{ userId, channel: contact, purpose: Purpose.MARKETING, word: isWanted ? "granted" : "denied" },
        ...{ changedAt: at, isTimeOwn: true, source: SOURCE, textVersion: TEXT_VERSION, requestId: randomUUID() },
      });
    if (isWanted) await resubscribe(store, { workspace, addresses: known.addresses, channel, at });
  }
  const changes = toChanges(known, wanted, at);
  if (changes.size > 0) {
    const [result] = await profiles.apply(workspace.id, [{ userId, changes }]);
    if (result?.kind !== "kept") throw result?.error;
  }
  for (const id of [known.profile.userId, ...known.profile.aliases])
    for (const topic of wanted.unfollowed) await unsubscribe(store, { workspaceId: workspace.id, userId: id, topic });
  return loadPreferences(parts, whose);
}

async function loadKnown(store: Store, { workspace, userId }: Whose): Promise<Known | undefined> {
  const whose = { workspaceId: workspace.id, userId };
  const profile = (await findProfiles(store, [whose])).get(profileId(workspace.id, userId));
  if (profile === undefined) return undefined;
  const registers = fromRegistersText(profile.registers);
  const its = toAddresses(registers).flatMap(({ channel: contact, address }): AddressOf[] => {
    const channel = fromContactChannel(contact);
    return channel === undefined ? [] : [{ channel, address }];
  });
  const standing = await findSuppressions(store, workspace, its);
  const isUnsubscribed = (one: AddressOf) =>
    standing.get(toAddressHash(workspace, one))?.some(({ reason }) => reason === "unsubscribe") ?? false;
  return {
    ...{ profile, registers },
    addresses: its.map((one) => ({ ...one, isUnsubscribed: isUnsubscribed(one) })),
  };
}

/** Offers in the shop itself need no yes; whatever else does, and an address that wants them. */
function toChannels({ registers, addresses }: Known): ReadonlyMap<PreferenceChannel, boolean> {
  const statusOf = (channel: ContactChannel) => findConsent(registers, { channel, purpose: Purpose.MARKETING })?.status;
  const channels = new Map<PreferenceChannel, boolean>();
  for (const channel of CHANNELS) {
    const statuses = CONTACTS[channel].map(statusOf);
    const its = addresses.filter((one) => one.channel === channel);
    if (channel === "shop") channels.set(channel, !statuses.includes(ConsentStatus.DENIED));
    else if (its.length > 0)
      channels.set(
        channel,
        statuses.includes(ConsentStatus.GRANTED) && its.some(({ isUnsubscribed }) => !isUnsubscribed),
      );
  }
  return channels;
}

async function listTopics(store: Store, workspaceId: string, profile: ProfileDocument): Promise<Topic[]> {
  const ids = [profile.userId, ...profile.aliases];
  const query = { workspaceId, after: "", limit: TOPICS_MAX };
  const found = await Promise.all(ids.map((userId) => listSubscriptions(store, { ...query, userId })));
  const all = new Set(found.flat().map(({ topic }) => topic));
  const topics = [...all].sort((a, b) => (a < b ? -1 : 1)).slice(0, TOPICS_MAX);
  const about = new Map(
    topics.flatMap((topic) => {
      const [, productId, news] = /^product:(.+):([a-z_]+)$/s.exec(topic) ?? [];
      return productId === undefined || news === undefined ? [] : [[topic, { productId, news }] as const];
    }),
  );
  const products = await findProducts(
    store,
    workspaceId,
    [...about.values()].map(({ productId }) => productId),
  );
  return topics.map((topic) => {
    const { productId = "", news } = about.get(topic) ?? {};
    const product = products.get(productId)?.title;
    return { topic, isFollowed: true, ...(news === undefined || product === undefined ? {} : { news, product }) };
  });
}

async function resubscribe(
  store: Store,
  {
    workspace,
    addresses,
    channel,
    at,
  }: { readonly workspace: Workspace; readonly channel: PreferenceChannel; readonly at: Date } & Pick<
    Known,
    "addresses"
  >,
): Promise<void> {
  for (const one of addresses)
    if (one.channel === channel && one.isUnsubscribed)
      await followWish(store, {
        ...{ workspaceId: workspace.id, channel: one.channel, hash: toAddressHash(workspace, one) },
        ...{ wish: "start", at, source: SOURCE },
      });
}

function toChanges({ profile, registers }: Known, { locale, quietHours }: WantedPreferences, at: Date): Registers {
  const changes = new Map<string, Register>();
  const set = (key: string, value: string | null) => changes.set(key, { value, at: at.getTime(), id: "" });
  if (locale !== undefined && locale !== profile.locale) set(LOCALE_KEY, locale);
  const hours = quietHours === undefined ? "" : toQuietHoursText(quietHours);
  if (hours !== toText(registers, QUIET_HOURS_KEY)) set(QUIET_HOURS_KEY, hours || null);
  return changes;
}
