import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { BatchPublisher, type Bus, findOldestWaitingMs, type OutgoingMessage } from "../bus/index.ts";
import { judgeSilence, type SilenceBounds } from "../domain/context/index.ts";
import { Unavailable } from "../domain/errors.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Metrics } from "../observe/index.ts";
import {
  type CartWatchDocument,
  claimLease,
  deleteCartWatches,
  listDueCartWatches,
  type Store,
} from "../store/index.ts";
import type { Activity, CartWatches } from "./cart-watches.ts";
import { SHOP_EVENT_CONSUMERS } from "./event-intake.ts";
import { findContextState } from "./shopper-contexts.ts";
import { startLoop } from "./start-loop.ts";
import { type Abandonment, toAbandonmentMessage } from "./to-abandonment-message.ts";

/** What detecting stands on. */
export type AbandonmentOptions = SilenceBounds & {
  readonly bus: Bus;
  readonly store: Store;
  readonly log: Logger;
  readonly access: Pick<AccessDirectory, "workspaces">;
  readonly watches: Pick<CartWatches, "cover">;
  readonly metrics: Pick<Metrics, "silences" | "abandonmentLag">;
  readonly now: () => Date;
};

const SWEEP_MS = 250;
const PAGE = 1_000;
/** Reads at once, so that those who take events in get their turn. */
const READS_AT_ONCE = 16;
/** Whoever sweeps a workspace keeps others from doing the same work for so long, page by page; when he dies another goes on. */
const LEASE_MS = 1_000;
/** What waits to be taken in longer than this holds judgement up to the time at which it was stored. Not what waits shorter: a
 *  process that is killed leaves messages that come again after five seconds, and everybody else's cart would be late by them. */
const BACKLOG_MS = 10_000;

/** Looks at shoppers whose watch falls due, and says of those who have left a cart behind that they did, on the same subject as
 *  everything else that shoppers do. Any number of these may run.
 *
 *      activity ─► watch (due = activity + afterMs) ─due─► silent since, and something in the cart: `shop.cart.abandoned`
 *                                                     └──► active since: watch (due = last activity + afterMs) ─► …
 *
 *  All of it may be done again: an abandonment's id is made of the last activity before it. A watch is removed when what it led to is
 *  on disk. */
export function startAbandonment(options: AbandonmentOptions): AsyncDisposable {
  const { access, bus, log, now } = options;
  const sweeper = { ...options, holder: randomUUID(), publisher: new BatchPublisher(bus) };
  return startLoop("abandonment", SWEEP_MS, log, async () => {
    // Asked before anything is read: what is taken in by now will be seen.
    const nowMs = now().getTime();
    const waitingMs = await findOldestWaitingMs(bus, SHOP_EVENT_CONSUMERS);
    const until = new Date(nowMs - waitingMs > BACKLOG_MS ? waitingMs : nowMs);
    for (const { id } of access.workspaces()) await sweep(sweeper, id, until);
  });
}

type Sweeper = AbandonmentOptions & { readonly holder: string; readonly publisher: BatchPublisher };

async function sweep(sweeper: Sweeper, workspaceId: string, until: Date): Promise<void> {
  const { holder, now, store } = sweeper;
  for (;;) {
    const due = await listDueCartWatches(store, { workspaceId, until, limit: PAGE });
    if (due.length === 0) return;
    const claim = { holder, now: now(), until: new Date(now().getTime() + LEASE_MS) };
    if (!(await claimLease(store, `abandonment/${workspaceId}`, claim))) return;
    await settle(sweeper, due);
    if (due.length < PAGE) return;
  }
}

/** Does what is due, then removes the watches. */
async function settle(sweeper: Sweeper, due: readonly CartWatchDocument[]): Promise<void> {
  const { metrics, now, publisher, store, watches } = sweeper;
  const users = [...new Map(due.map(({ workspaceId, userId }) => [userId, { workspaceId, userId }])).values()];
  const abandoned: (Abandonment & { readonly message: OutgoingMessage })[] = [];
  const lasting: Activity[] = [];
  for (let from = 0; from < users.length; from += READS_AT_ONCE) {
    await Promise.all(
      users.slice(from, from + READS_AT_ONCE).map(async (who) => {
        const silence = await judge(sweeper, who);
        metrics.silences.inc({ verdict: silence.kind });
        if (silence.kind === "lasting") lasting.push({ ...who, atMs: silence.dueMs - sweeper.afterMs });
        if (silence.kind !== "abandoned") return;
        const abandonment = { ...who, ...silence };
        abandoned.push({ ...abandonment, message: toAbandonmentMessage(sweeper.bus, abandonment) });
      }),
    );
  }
  await Promise.all([publisher.publishAll(abandoned.map(({ message }) => message)), watches.cover(lasting)]);
  for (const { dueMs } of abandoned) metrics.abandonmentLag.observe((now().getTime() - dueMs) / 1e3);
  await deleteCartWatches(
    store,
    due.map(({ _id }) => _id),
  );
}

async function judge(
  { store, log, now, ...bounds }: Sweeper,
  { workspaceId, userId }: { readonly workspaceId: string; readonly userId: string },
): Promise<ReturnType<typeof judgeSilence> | { readonly kind: "failed" }> {
  try {
    return judgeSilence(await findContextState(store, workspaceId, userId), { ...bounds, nowMs: now().getTime() });
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    // One shopper whose events can't be read must not keep all the others from being looked at.
    log.error(
      { event: "silence_not_judged", workspaceId, err: error },
      "a shopper's events can't be read: passed over",
    );
    return { kind: "failed" };
  }
}
