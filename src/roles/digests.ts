import { create, fromBinary, type JsonObject, toBinary, toJson } from "@bufbuild/protobuf";
import { durationMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { type BurstMessage, BurstMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import {
  type Campaign,
  type Digest,
  MembershipChangeSchema,
  type TriggerSource,
  TriggerSourceSchema,
} from "../../gen/intervention/v1/campaign_pb.js";
import { ContentSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { PredictionSchema, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { type Bus, findScheduled, replaceScheduled, toSubjectToken } from "../bus/index.ts";
import { type DigestRule, toDailyRule, toDigestWindow } from "../domain/digest/to-window.ts";
import { Unavailable } from "../domain/errors.ts";
import {
  type DigestItemDocument,
  type DigestWindowDocument,
  deleteDigestWindow,
  entryId,
  findDigestItems,
  findDigestWindow,
  insertDigestItems,
  listPendingItems,
  openDigestWindow,
  type Store,
  sealDigestWindow,
  takeDigestItems,
} from "../store/index.ts";
import type { Arming } from "./debounce.ts";

/** What digests stand on. */
export type DigestsOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly now: () => Date;
  readonly findTimeZone: (workspaceId: string, userId: string) => Promise<string>;
};

/** A window's items are named in one document; more than this go into the next one. */
const ITEMS_MAX = 1_000;
/** What a message can show of them: the rest is in its count. */
const SHOWN_MAX = 100;
/** Others may schedule the same window at the same time; each time one of them gets through. */
const ATTEMPTS_MAX = 20;
const SHOWN_BYTES_MAX = 16_384;

/** What a closed window asks for: what is in it, oldest first. */
export type ClosedWindow = { readonly windowId: string; readonly sources: readonly TriggerSource[] };

/** Makes one message of what happens to a user within a window. Items are put down one a document, and a key has one window at a time:
 *
 *     item ──► pending ──window opened, its end scheduled──► sealed (the items are fixed) ──message accepted──► taken, window gone
 *                 ▲                                                                                              │
 *                 └──────────────── what came meanwhile opens the next window ◄──────────────────────────────────┘
 *
 *  An item is written before the window is looked for, and a window is gone before what is pending is looked for: one of the two
 *  sees the other, so nothing waits without a window. Everything may be done again. */
export class Digests {
  readonly #options: DigestsOptions;

  constructor(options: DigestsOptions) {
    this.#options = options;
  }

  /** Returns when each is in a window whose end is on disk.
   *  @throws Unavailable when some may not be; trying again is safe. */
  async collect(armings: readonly Arming[]): Promise<void> {
    if (armings.length === 0) return;
    const { now, store } = this.#options;
    const items = armings.map(({ live, happening, source }): DigestItemDocument => {
      const { workspaceId, userId, id } = happening;
      const key = toKey(workspaceId, live.campaign.campaignId, userId);
      return {
        ...{ _id: `${key}/${id}`, workspaceId, userId, key, state: "pending", itemId: id, collectedAt: now() },
        source: new Binary(toBinary(TriggerSourceSchema, source)),
      };
    });
    await insertDigestItems(store, items);
    const byKey = new Map(armings.map((arming, index) => [items[index]?.key ?? "", arming]));
    await Promise.all(
      [...byKey].map(([key, { live, happening }]) => this.#ensureWindow(key, live.campaign, happening)),
    );
  }

  /** Fixes what is in a window whose end has come.
   *  @returns undefined when it was closed before.
   *  @throws Unavailable; trying again gives the same. */
  async close(burst: BurstMessage): Promise<ClosedWindow | undefined> {
    const { store } = this.#options;
    const { digestWindow: windowId, campaign, workspace, userId } = burst;
    const key = toKey(workspace, campaign, userId);
    const pending = (await listPendingItems(store, key, ITEMS_MAX)).map(({ _id }) => _id);
    const itemIds = await sealDigestWindow(store, key, { windowId, itemIds: pending });
    if (itemIds === undefined) return undefined;
    const items = await findDigestItems(store, itemIds);
    return { windowId, sources: items.map(({ source }) => fromBinary(TriggerSourceSchema, source.value())) };
  }

  /** Ends a window whose message is on disk, or that leads to none, and opens the next one for what has come meanwhile.
   *  @param campaign undefined when it does not run any more: what is pending waits for a trigger of it. */
  async finish(burst: BurstMessage, campaign: Campaign | undefined): Promise<void> {
    const { now, store } = this.#options;
    const { digestWindow: windowId, workspace: workspaceId, userId } = burst;
    const key = toKey(workspaceId, burst.campaign, userId);
    const window = await findDigestWindow(store, key);
    if (window?.windowId === windowId) {
      await takeDigestItems(store, window.itemIds ?? [], now());
      await deleteDigestWindow(store, key, windowId);
    }
    if (campaign !== undefined) await this.#ensureWindow(key, campaign, { workspaceId, userId });
  }

  /** Opens a window where something is pending and none is open, and sees to it that its end is scheduled: whoever opened it may have
   *  died in between. */
  async #ensureWindow(
    key: string,
    { campaignId, digest }: Campaign,
    { workspaceId, userId }: { readonly workspaceId: string; readonly userId: string },
  ): Promise<void> {
    const { now, store, findTimeZone } = this.#options;
    let window = await findDigestWindow(store, key);
    if (window === undefined) {
      const rule = digest && toRule(digest);
      const [first] = await listPendingItems(store, key, 1);
      if (first === undefined || rule === undefined) return;
      const timeZone = rule.kind === "daily" ? await findTimeZone(workspaceId, userId) : "UTC";
      const { id, closesAt } = toDigestWindow(rule, { itemId: first.itemId, now: now(), timeZone });
      window = await openDigestWindow(store, { _id: key, workspaceId, userId, campaignId, windowId: id, closesAt });
    }
    if (window !== undefined) await this.#schedule(window);
  }

  async #schedule({ workspaceId, campaignId, userId, windowId, closesAt }: DigestWindowDocument): Promise<void> {
    const { bus } = this.#options;
    // Beside a burst of the same campaign, from when it was debounced.
    const [campaign, user] = [`${campaignId}.digest`, toSubjectToken(userId)];
    const subject = bus.subjects.burst(workspaceId, campaign, user);
    const message = create(BurstMessageSchema, {
      ...{ workspace: workspaceId, campaign: campaignId, userId, digestWindow: windowId },
      dueTime: timestampFromDate(closesAt),
    });
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const found = await findScheduled(bus, subject);
      const standing = found === undefined ? undefined : fromBinary(BurstMessageSchema, found.data);
      if (standing?.digestWindow === windowId) return;
      const isOurs = await replaceScheduled(bus, {
        ...{ subject, target: bus.subjects.calm(workspaceId, campaign, user), at: closesAt },
        ...{ data: toBinary(BurstMessageSchema, message), after: found?.sequence ?? 0 },
      });
      if (isOurs) return;
    }
    throw new Unavailable("bus", { cause: new Error(`a window was scheduled by others ${ATTEMPTS_MAX} times`) });
  }
}

const toKey = (workspaceId: string, campaignId: string, userId: string) =>
  entryId({ workspaceId, campaignId, userId: encodeURIComponent(userId) });

function toRule({ window }: Digest): DigestRule | undefined {
  if (window.case === "after") return { kind: "rolling", ms: durationMs(window.value) };
  return window.case === "dailyAt" ? toDailyRule(window.value) : undefined;
}

/** The campaign with what was collected in its content's data, or its template's variables: `digest.count`, and `digest.items` as far as
 *  they fit. */
export function withDigest(campaign: Campaign, sources: readonly TriggerSource[]): Campaign {
  const items: JsonObject[] = [];
  let bytes = 0;
  const { content = create(ContentSchema), template } = campaign;
  // Variables of templates go by the names that the protos have; a page reads JSON as protos have it.
  const names = { useProtoFieldName: template !== undefined };
  for (const { event, prediction, membership } of sources.slice(0, SHOWN_MAX)) {
    const item: JsonObject = {
      ...(event && { event: toJson(ShopEventSchema, event, names) }),
      ...(prediction && { prediction: toJson(PredictionSchema, prediction, names) }),
      ...(membership && { membership: toJson(MembershipChangeSchema, membership, names) }),
    };
    bytes += JSON.stringify(item).length;
    if (bytes > SHOWN_BYTES_MAX) break;
    items.push(item);
  }
  const digest = { count: sources.length, items };
  if (template !== undefined)
    return { ...campaign, template: { ...template, variables: { ...template.variables, digest } } };
  return { ...campaign, content: { ...content, data: { ...content.data, digest } } };
}
