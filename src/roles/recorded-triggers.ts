import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Audience, type Campaign, TriggerSourceSchema } from "../../gen/intervention/v1/campaign_pb.js";
import { type ShopEvent, type ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import type { RecordedTrigger } from "../domain/campaign/simulate-user.ts";
import type { CompiledCondition } from "../domain/condition/compile-condition.ts";
import { applyEvents, emptyContext, toContext } from "../domain/context/index.ts";
import {
  findShopEventsOf,
  listKeyed,
  listPredictions,
  listShopEvents,
  PLACES,
  readPlaces,
  SPAN_FIRST,
  type Store,
  streamShopEventUsers,
  toMemberKey,
  toPrediction,
} from "../store/index.ts";
import { findProfileFacts } from "./profile-facts.ts";

/** A user, and what was recorded of him that a campaign waits for. */
export type RecordedUser = { readonly userId: string; readonly triggers: readonly RecordedTrigger[] };

/** Some users; of the last ones, whether they are all there are. */
export type RecordedPage = { readonly users: readonly RecordedUser[]; readonly isLast: "all" | "some" | undefined };

/** Which records. */
export type RecordsOf = {
  readonly workspaceId: string;
  readonly campaign: Campaign;
  readonly condition: CompiledCondition | undefined;
  readonly from: Date;
  readonly until: Date;
};

const PAGE_MAX = 200;
/** More are not looked at. */
const USERS_MAX = 20_000;
const PREDICTIONS_MAX = 50_000;
/** Of several users together; when they have more, each is read alone, as far as contexts look back. */
const EVENTS_AT_ONCE_MAX = 20_000;
const EVENTS_MAX = 1_000;

type Predicted = Awaited<ReturnType<typeof listPredictions>>[number];

/** Everything recorded that a campaign waits for, user by user. */
export async function* streamRecords(store: Store, of: RecordsOf): AsyncGenerator<RecordedPage> {
  const { on } = of.campaign.trigger ?? {};
  if (on?.case === "audience") yield* inPages(await findMembers(store, of, on.value), (users) => ofAudience(of, users));
  if (on?.case === "event")
    yield* inPages(await findActive(store, of), (users) => ofEvents(store, of, on.value, users));
  if (on?.case !== "prediction") return;
  const options = { ...of, kind: on.value, limit: PREDICTIONS_MAX + 1 };
  const found = await listPredictions(store, options);
  const byUser = Map.groupBy(found.slice(0, PREDICTIONS_MAX), ({ userId }) => userId);
  const users = { ids: [...byUser.keys()], isAll: found.length <= PREDICTIONS_MAX };
  yield* inPages(users, (ids) => ofPredictions(store, of, byUser, ids));
}

type Users = { readonly ids: readonly string[]; readonly isAll: boolean };

async function* inPages(
  { ids, isAll }: Users,
  load: (ids: readonly string[]) => Promise<RecordedUser[]>,
): AsyncGenerator<RecordedPage> {
  for (let first = 0; first === 0 || first < ids.length; first += PAGE_MAX) {
    const isEnd = first + PAGE_MAX >= ids.length;
    const users = await load(ids.slice(first, first + PAGE_MAX));
    yield { users, isLast: isEnd ? (isAll ? "all" : "some") : undefined };
  }
}

async function findActive(store: Store, { workspaceId }: RecordsOf): Promise<Users> {
  const ids: string[] = [];
  for await (const userId of streamShopEventUsers(store, workspaceId)) {
    if (ids.length === USERS_MAX) return { ids, isAll: false };
    ids.push(userId);
  }
  return { ids, isAll: true };
}

async function findMembers(store: Store, { workspaceId }: RecordsOf, { segment }: Audience): Promise<Users> {
  const ids: string[] = [];
  const key = toMemberKey(segment);
  for (let [from, span] = [0, SPAN_FIRST]; from < PLACES; ) {
    const page = await readPlaces({
      ...{ from, span, pageMax: PAGE_MAX },
      find: (range) => listKeyed(store, { workspaceId, key, ...range }),
    });
    ids.push(...page.found);
    [from, span] = [page.until, page.span];
    if (ids.length >= USERS_MAX && from < PLACES) return { ids: ids.slice(0, USERS_MAX), isAll: false };
  }
  return { ids, isAll: true };
}

async function ofAudience(of: RecordsOf, ids: readonly string[]): Promise<RecordedUser[]> {
  const source = create(TriggerSourceSchema, { campaign: of.campaign.campaignId });
  return ids.map((userId) => ({ userId, triggers: [{ id: "", atMs: of.until.getTime(), facts: {}, source }] }));
}

async function ofEvents(
  store: Store,
  of: RecordsOf,
  kind: ShopEventKind,
  ids: readonly string[],
): Promise<RecordedUser[]> {
  const all = await loadEvents(store, of.workspaceId, ids);
  return Promise.all(
    ids.map(async (userId) => {
      const profile = await findProfile(store, of, userId);
      const replay = new Replay(of, userId, all.get(userId) ?? []);
      const triggers: RecordedTrigger[] = [];
      for (const { event, atMs } of replay.known) {
        if (event.kind !== kind || atMs < of.from.getTime() || atMs > of.until.getTime()) continue;
        const context = replay.findContext(atMs);
        const source = create(TriggerSourceSchema, { campaign: of.campaign.campaignId, event });
        triggers.push({ id: event.eventId, atMs, facts: { event, context, profile }, source });
      }
      return { userId, triggers };
    }),
  );
}

async function ofPredictions(
  store: Store,
  of: RecordsOf,
  byUser: ReadonlyMap<string, readonly Predicted[]>,
  ids: readonly string[],
): Promise<RecordedUser[]> {
  const wantsContext = of.condition?.roots.has("context") === true;
  const all = wantsContext ? await loadEvents(store, of.workspaceId, ids) : new Map<string, readonly Known[]>();
  return Promise.all(
    ids.map(async (userId) => {
      const profile = await findProfile(store, of, userId);
      const replay = new Replay(of, userId, all.get(userId) ?? []);
      const triggers = (byUser.get(userId) ?? []).map((document): RecordedTrigger => {
        const prediction = toPrediction(document);
        const atMs = document.predictedAt.getTime();
        const source = create(TriggerSourceSchema, { campaign: of.campaign.campaignId, prediction });
        return {
          id: prediction.predictionId,
          atMs,
          facts: { prediction, context: replay.findContext(atMs), profile },
          source,
        };
      });
      return { userId, triggers };
    }),
  );
}

const findProfile = async (store: Store, { condition, workspaceId }: RecordsOf, userId: string) =>
  condition?.roots.has("profile") === true ? findProfileFacts(store, workspaceId, userId) : undefined;

type Known = { readonly event: ShopEvent; readonly body: Uint8Array; readonly atMs: number };

/** Oldest first. */
async function loadEvents(store: Store, workspaceId: string, ids: readonly string[]): Promise<Map<string, Known[]>> {
  const found = await findShopEventsOf(store, { workspaceId, userIds: ids, limit: EVENTS_AT_ONCE_MAX });
  const known = new Map<string, Known[]>();
  for (const userId of ids) {
    const alone = { workspaceId, userId, limit: EVENTS_MAX, now: new Date() };
    const bodies = found === undefined ? await listShopEvents(store, alone) : (found.get(userId) ?? []);
    const toKnown = (body: Uint8Array): Known => {
      const event = fromBinary(ShopEventSchema, body);
      return { event, body, atMs: event.occurTime === undefined ? 0 : timestampMs(event.occurTime) };
    };
    known.set(userId, bodies.toReversed().map(toKnown));
  }
  return known;
}

/** Tells what was known of a user's cart as time went by; asked in the order of time. */
class Replay {
  readonly known: readonly Known[];
  readonly #of: RecordsOf;
  readonly #userId: string;
  #state = emptyContext;
  #next = 0;

  constructor(of: RecordsOf, userId: string, known: readonly Known[]) {
    this.#of = of;
    this.#userId = userId;
    this.known = known;
  }

  /** With what happened up to a moment. @returns undefined where nothing asks for it. */
  findContext(atMs: number) {
    if (this.#of.condition?.roots.has("context") !== true) return undefined;
    const first = this.#next;
    while ((this.known[this.#next]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs) this.#next += 1;
    this.#state = applyEvents(this.#state, this.known.slice(first, this.#next));
    return toContext({ workspace: this.#of.workspaceId, userId: this.#userId }, this.#state);
  }
}
