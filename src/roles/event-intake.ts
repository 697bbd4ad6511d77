import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { JsMsg } from "@nats-io/jetstream";
import { Match } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { ShopEventBatchSchema } from "../../gen/intervention/v1/bus_pb.js";
import { type Context, type ShopEvent, ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { type Bus, type EventPublisher, Worker } from "../bus/index.ts";
import { checkShopEvent } from "../domain/context/index.ts";
import { InvalidInput } from "../domain/errors.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { CampaignDirectory } from "../integrations/campaign-directory.ts";
import { findCloudEvent } from "../integrations/cloud-event.ts";
import type { SegmentDirectory } from "../integrations/segment-directory.ts";
import { toShopEvent } from "../integrations/to-shop-event.ts";
import type { Metrics } from "../observe/index.ts";
import type { ErasedUsers } from "../privacy/erased-users.ts";
import { type GivenShopEvent, insertShopEvents, type Store } from "../store/index.ts";
import type { CartWatches } from "./cart-watches.ts";
import { countHeard } from "./count-heard.ts";
import { expectWorkspace } from "./expect-workspace.ts";
import { findContext } from "./shopper-contexts.ts";
import { toConversion } from "./to-conversion.ts";
import type { Triggers } from "./triggers.ts";

/** What hearing shop events stands on. */
export type EventIntakeOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly log: Logger;
  readonly access: Pick<AccessDirectory, "findWorkspace" | "isAbsent">;
  readonly campaigns: Pick<CampaignDirectory, "listLive">;
  readonly triggers: Pick<Triggers, "onEvents">;
  readonly erased: Pick<ErasedUsers, "dropBefore">;
  /** Where silences are looked out for. Default: nobody does. */
  readonly watches?: Pick<CartWatches, "cover"> | undefined;
  /** Told who did something. Default: nobody looks. */
  readonly segments?: Pick<SegmentDirectory, "noteChanges"> | undefined;
  /** Where orders are told of, to be counted and credited. Default: nobody counts. */
  readonly conversions?: Pick<EventPublisher, "publish"> | undefined;
  /** What happened longer ago triggers nothing: nobody who imports a year of history means to write to everybody in it. */
  readonly triggerAgeMsMax: number;
  readonly metrics: {
    readonly shopEvents: { readonly inc: (labels: { readonly effect: string }, count: number) => void };
    readonly heardLag: Pick<Metrics["heardLag"], "observe">;
  };
  readonly now: () => Date;
};

/** Who takes them in. */
export const SHOP_EVENT_CONSUMERS = { stream: "EVENTS", names: ["shop-events"] } as const;

type Given = GivenShopEvent & { readonly workspaceId: string; readonly storedAt: Date };

/** Messages that share their writes: some are single events, some hold hundreds. */
const BATCH_MAX = 2_000;
/** The database takes a thousand events at once for little more than one; nobody waits for a lone one. */
const LINGER_MS = 20;

/** Hears what shoppers do on `events.cart.{workspace}`: keeps each event once, sees to it that a silence after it is noticed, then
 *  triggers what waits for it, then acknowledges.
 *  All of it may be done again. Any number of these may run, since what is known of a shopper does not depend on the order. */
export function startEventIntake(options: EventIntakeOptions): Promise<AsyncDisposable> {
  const { bus, log, metrics, now } = options;
  return Worker.start({
    ...{ bus, log, batchMax: BATCH_MAX, lingerMs: LINGER_MS },
    ...{ stream: SHOP_EVENT_CONSUMERS.stream, name: SHOP_EVENT_CONSUMERS.names[0] },
    filterSubject: bus.subjects.all.shopEvents,
    parse: countHeard<JsMsg, Given[]>({
      from: "events",
      parse: (message) => parseMessage(message, options),
      now,
      timesOf: (events) => events.map(({ at }) => at),
      metrics: { ...metrics, countMalformed: () => metrics.shopEvents.inc({ effect: "malformed" }, 1) },
    }),
    handle: (batch) => take(options, options.erased.dropBefore(batch.flat(), toHeard)),
  });
}

const toHeard = ({ workspaceId, event: { userId }, storedAt }: Given) => ({
  ...{ workspace: workspaceId, userId, heardAt: storedAt },
});

async function take(options: EventIntakeOptions, given: readonly Given[]): Promise<void> {
  const { metrics, now, store, triggers, watches } = options;
  const once = [...new Map(given.map((one) => [`${one.workspaceId}/${one.event.eventId}`, one])).values()];
  const known = await insertShopEvents(store, once, now());
  // What follows is done for those that are known too: it may have been cut off, and doing it twice makes nothing new.
  await options.segments?.noteChanges(once.map(({ workspaceId, event: { userId } }) => ({ workspaceId, userId })));
  await options.conversions?.publish(once.flatMap(toConversion));
  await watches?.cover(once.filter(({ event }) => opensSilence(event)).map(toActivity));
  const oldest = now().getTime() - options.triggerAgeMsMax;
  const [waited, tooOld] = partition(
    once.filter((one) => isWaitedFor(options, one)),
    ({ at }) => at.getTime() >= oldest,
  );
  const contexts = new Map<string, Promise<Context>>();
  const contextOf = ({ workspaceId, event: { userId } }: Given) => {
    const key = `${workspaceId}/${userId}`;
    const found = contexts.get(key) ?? findContext(store, workspaceId, userId);
    contexts.set(key, found);
    return found;
  };
  await triggers.onEvents(
    await Promise.all(
      waited.map(async (one) => ({ workspace: one.workspaceId, event: one.event, context: await contextOf(one) })),
    ),
  );
  metrics.shopEvents.inc({ effect: "kept" }, once.length - known);
  metrics.shopEvents.inc({ effect: "too_old" }, tooOld.length);
  metrics.shopEvents.inc({ effect: "repeated" }, given.length - once.length + known);
}

/** After an order the cart is empty, and that a cart was left behind is said of a shopper, not done by him. */
const opensSilence = ({ kind }: ShopEvent) =>
  kind !== ShopEventKind.ORDER_PLACED && kind !== ShopEventKind.CART_ABANDONED;

const toActivity = ({ workspaceId, event, at }: Given) => ({ workspaceId, userId: event.userId, atMs: at.getTime() });

/** @returns those of which it is true, and the others. */
function partition<T>(list: readonly T[], isTrue: (one: T) => boolean): [T[], T[]] {
  return [list.filter(isTrue), list.filter((one) => !isTrue(one))];
}

/** Most events are waited for by no campaign: then nobody needs to know the context. */
function isWaitedFor({ campaigns, now }: EventIntakeOptions, { workspaceId, event }: Given): boolean {
  return campaigns.listLive(workspaceId, { case: "event", value: event.kind }, now()).length > 0;
}

/** @returns none for a CloudEvent of a type that is not ours. */
function parseMessage(message: JsMsg, { access, bus, metrics, now }: EventIntakeOptions): Given[] {
  const workspaceId = bus.subjects.workspaceOf(message.subject);
  const storedAt = new Date(message.time);
  expectWorkspace(access, { workspaceId, namedAt: storedAt });
  const events = readMessage(message, storedAt);
  if (events.length === 0) metrics.shopEvents.inc({ effect: "not_ours" }, 1);
  return events.map((event) => {
    const problems = checkShopEvent(event, { now: now() });
    if (problems.length > 0) throw new InvalidInput(problems);
    const at = event.occurTime === undefined ? storedAt : timestampDate(event.occurTime);
    return { workspaceId, event, at, storedAt, body: toBinary(ShopEventSchema, event) };
  });
}

/** The engine's own batches have no headers; whatever else comes is a CloudEvent. */
function readMessage({ data, headers }: JsMsg, storedAt: Date): ShopEvent[] {
  const cloudEvent = findCloudEvent((name) => headers?.get(name, Match.IgnoreCase) || undefined, data);
  if (cloudEvent !== undefined) return [toShopEvent(cloudEvent, storedAt) ?? []].flat();
  try {
    return fromBinary(ShopEventBatchSchema, data).events;
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `neither a CloudEvent nor a batch: ${String(error)}` }]);
  }
}
