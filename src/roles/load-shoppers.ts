import { fromBinary } from "@bufbuild/protobuf";
import { type Prediction, type ShopEvent, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { applyEvents, emptyContext, toContext } from "../domain/context/index.ts";
import { listConsents } from "../domain/profile/consent.ts";
import { fromRegistersText } from "../domain/profile/registers.ts";
import { toAttributes } from "../domain/profile/to-profile.ts";
import { type ShopperFacts, toShopperFacts } from "../domain/segment/index.ts";
import {
  findProfiles,
  findShopEventsOf,
  findShoppers,
  listPredictionsOf,
  listShopEvents,
  type ProfileDocument,
  profileId,
  type ShopperDocument,
  type Store,
} from "../store/index.ts";

/** What is known now of a shopper, beside what is kept of him. */
export type LoadedShopper = {
  readonly userId: string;
  readonly facts: ShopperFacts;
  readonly kept: ShopperDocument | undefined;
  /** Whether anybody has ever heard of him. */
  readonly isKnown: boolean;
};

/** As far as contexts look back. */
const EVENTS_MAX = 1_000;
const EVENTS_AT_ONCE_MAX = 20_000;

/** Everything that segments look at of these users, each under the id that survives. */
export async function loadShoppers(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<LoadedShopper[]> {
  const profiles = await findProfiles(
    store,
    userIds.map((userId) => ({ workspaceId, userId })),
  );
  const surviving = new Map<string, ProfileDocument | undefined>();
  for (const userId of userIds) {
    const profile = profiles.get(profileId(workspaceId, userId));
    surviving.set(profile?.userId ?? userId, profile);
  }
  const idsOf = (userId: string) => [userId, ...(surviving.get(userId)?.aliases ?? [])];
  const allIds = [...surviving.keys()].flatMap(idsOf);
  const [events, predictions, kept] = await Promise.all([
    loadEvents(store, workspaceId, allIds),
    listPredictionsOf(store, workspaceId, allIds),
    findShoppers(store, workspaceId, [...surviving.keys()]),
  ]);
  return [...surviving].map(([userId, profile]) => {
    const ids = idsOf(userId);
    const own = ids.flatMap((id) => events.get(id) ?? []);
    const { lists = [], memberships = [] } = kept.get(userId) ?? {};
    return {
      ...{ userId, kept: kept.get(userId) },
      // Whoever was in a segment stays known, so that leaving it is told, and coming again is another time.
      isKnown: profile !== undefined || own.length > 0 || lists.length > 0 || memberships.length > 0,
      facts: toShopperFacts({
        ...{ profile: profile === undefined ? undefined : toKnownProfile(profile), lists },
        ...{ events: own.map(({ event }) => event), predictions: toNewest(predictions, ids) },
        context: toContext({ workspace: workspaceId, userId }, applyEvents(emptyContext, own)),
      }),
    };
  });
}

type Loaded = { readonly event: ShopEvent; readonly body: Uint8Array };

/** Of each id the newest events, oldest first: what is bounded in a context forgets what came first. */
async function loadEvents(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<Map<string, Loaded[]>> {
  const toLoaded = (bodies: readonly Uint8Array[]) =>
    bodies
      .slice(0, EVENTS_MAX)
      .toReversed()
      .map((body) => ({ body, event: fromBinary(ShopEventSchema, body) }));
  const together = await findShopEventsOf(store, { workspaceId, userIds, limit: EVENTS_AT_ONCE_MAX });
  if (together !== undefined) return new Map([...together].map(([userId, bodies]) => [userId, toLoaded(bodies)]));
  const alone = new Map<string, Loaded[]>();
  for (const userId of userIds)
    alone.set(
      userId,
      toLoaded(await listShopEvents(store, { workspaceId, userId, limit: EVENTS_MAX, now: new Date() })),
    );
  return alone;
}

function toNewest(predictions: readonly Prediction[], userIds: readonly string[]): Prediction[] {
  const newest = new Map<number, Prediction>();
  for (const one of predictions) {
    if (!userIds.includes(one.userId)) continue;
    const known = newest.get(one.kind);
    if (known === undefined || secondsOf(one) > secondsOf(known)) newest.set(one.kind, one);
  }
  return [...newest.values()].sort((a, b) => a.kind - b.kind);
}

const secondsOf = ({ predictTime }: Prediction) =>
  predictTime === undefined ? 0 : Number(predictTime.seconds) + predictTime.nanos / 1e9;

function toKnownProfile({ registers, timeZone, locale }: ProfileDocument) {
  const known = fromRegistersText(registers);
  return { timeZone, locale, attributes: toAttributes(known), consents: listConsents(known) };
}
