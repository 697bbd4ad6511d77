import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Logger } from "pino";
import { z } from "zod";
import { type EventKind, EventKindSchema } from "../../gen/intervention/v1/event_pb.js";
import { type InterventionService, WatchResponseSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import type { Bus } from "../bus/index.ts";
import { Unavailable } from "../domain/errors.ts";
import { listEvents, type Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { EventFeed } from "./event-feed.ts";
import { checked, memberOf, parseFields } from "./field-checks.ts";
import { getIntervention } from "./query-methods.ts";
import { parseInterventionName, requireParent } from "./resource-name.ts";
import { toEvent } from "./to-intervention.ts";

/** What watching works with. */
export type WatchParts = {
  readonly store: Store;
  readonly bus: Bus;
  readonly log: Logger;
  readonly drain: AbortSignal;
};

/** What was on its way to the store when the watch of one intervention began is heard of by asking the store again. */
const STORE_ASKED_EVERY_MS = 1_000;

const watchSchema = z.object({
  kinds: checked<EventKind[]>((kinds) =>
    kinds.length > EventKindSchema.values.length
      ? `there are ${kinds.length}; each need be named only once`
      : undefined,
  ).pipe(z.array(checked<EventKind>(memberOf(EventKindSchema, { allowUnspecified: false })))),
});

/** The life of an intervention, or of a workspace, as it happens. */
export function watchMethod(parts: WatchParts): ServiceImpl<typeof InterventionService>["watch"] {
  const { store, bus, log, drain } = parts;
  return async function* watch(request, context) {
    const { workspace } = getService(context.values);
    const interventionId = parseWatched(request.name, workspace.id);
    const kinds = new Set(parseFields(watchSchema, request).kinds);
    if (interventionId !== undefined) await getIntervention(store, workspace.id, interventionId);
    const feed = await EventFeed.open({
      ...{ bus, log },
      workspaceId: workspace.id,
      wants: (event) =>
        (kinds.size === 0 || kinds.has(event.kind)) &&
        (interventionId === undefined || event.interventionId === interventionId),
    });
    // What `using` would do, which Node 22 does not read.
    const opened: Disposable[] = [feed];
    try {
      yield create(WatchResponseSchema);
      opened.push(endWith(feed, context.signal, drain));
      if (interventionId !== undefined)
        opened.push(await tellStored(parts, { feed, workspaceId: workspace.id, interventionId }));
      for await (const event of feed.read()) yield create(WatchResponseSchema, { event });
    } finally {
      for (const one of opened.reverse()) one[Symbol.dispose]();
    }
  };
}

/** @returns undefined for the whole workspace. */
function parseWatched(name: string, workspaceId: string): string | undefined {
  if (name !== "" && !/^workspaces\/[^/]+$/.test(name)) return parseInterventionName(name, workspaceId);
  requireParent(name, workspaceId, "name");
  return undefined;
}

/** Ends the feed when its reader goes, or when the server is about to. */
function endWith(feed: EventFeed, reader: AbortSignal, drain: AbortSignal): Disposable {
  const onGone = () => feed.end();
  const onDrain = () => feed.end(new Unavailable("engine", { cause: new Error("the server is stopping") }));
  reader.addEventListener("abort", onGone, { once: true });
  drain.addEventListener("abort", onDrain, { once: true });
  if (reader.aborted) onGone();
  if (drain.aborted) onDrain();
  return {
    [Symbol.dispose]() {
      reader.removeEventListener("abort", onGone);
      drain.removeEventListener("abort", onDrain);
    },
  };
}

/** Puts the stored events on the feed: now, and again as long as the watch lasts. */
async function tellStored(
  { store, log }: WatchParts,
  { feed, workspaceId, interventionId }: { feed: EventFeed; workspaceId: string; interventionId: string },
): Promise<Disposable> {
  const list = async () => (await listEvents(store, workspaceId, interventionId)).map(toEvent);
  feed.pushBefore(await list());
  let isAsking = false;
  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    list()
      .then((events) => {
        for (const event of events) feed.push(event);
      })
      .catch((error: unknown) =>
        log.warn({ event: "watch_behind", err: error }, "the store does not answer: a watcher hears only what is live"),
      )
      .finally(() => {
        isAsking = false;
      });
  }, STORE_ASKED_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
