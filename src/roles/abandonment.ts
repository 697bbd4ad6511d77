import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { BatchPublisher, type Bus, findOldestWaitingMs } from "../bus/index.ts";
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
import { findContextStates } from "./shopper-contexts.ts";
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
/** Shoppers whose events are read in one go. */
const USERS_AT_ONCE = 100;
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
    await settle(sweeper, workspaceId, due);
    if (due.length < PAGE) return;
  }
}

/** Does what is due, then removes the watches. */
async function settle(sweeper: Sweeper, workspaceId: string, due: readonly CartWatchDocument[]): Promise<void> {
  const { bus, metrics, now, publisher, store, watches } = sweeper;
  const silences = await judge(sweeper, workspaceId, [...new Set(due.map(({ userId }) => userId))]);
  const abandoned: Abandonment[] = [];
  const lasting: Activity[] = [];
  for (const [userId, silence] of silences) {
    metrics.silences.inc({ verdict: silence.kind });
    if (silence.kind === "lasting") lasting.push({ workspaceId, userId, atMs: silence.dueMs - sweeper.afterMs });
    if (silence.kind === "abandoned") abandoned.push({ workspaceId, userId, ...silence });
  }
  await Promise.all([
    publisher.publishAll(abandoned.map((one) => toAbandonmentMessage(bus, one))),
    watches.cover(lasting),
  ]);
  for (const { dueMs } of abandoned) metrics.abandonmentLag.observe((now().getTime() - dueMs) / 1e3);
  await deleteCartWatches(
    store,
    due.map(({ _id }) => _id),
  );
}

type Verdict = ReturnType<typeof judgeSilence> | { readonly kind: "failed" };

async function judge(
  { store, log, now, afterMs, ageMsMax }: Sweeper,
  workspaceId: string,
  userIds: readonly string[],
): Promise<Map<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  for (let from = 0; from < userIds.length; from += USERS_AT_ONCE) {
    const some = userIds.slice(from, from + USERS_AT_ONCE);
    try {
      const states = await findContextStates(store, workspaceId, some);
      const nowMs = now().getTime();
      for (const [userId, state] of states) verdicts.set(userId, judgeSilence(state, { afterMs, ageMsMax, nowMs }));
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      // Shoppers whose events can't be read must not keep all the others from being looked at.
      log.error({ event: "silences_not_judged", workspaceId, users: some.length, err: error }, "passed over");
      for (const userId of some) verdicts.set(userId, { kind: "failed" });
    }
  }
  return verdicts;
}
