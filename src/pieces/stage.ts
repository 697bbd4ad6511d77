import type { Touchpoint } from "../client/index.ts";
import type { Claims } from "./claims.ts";
import type { Ledger } from "./ledger.ts";
import type { Answers, Holder, PageMessage, Shown } from "./message.ts";

export interface StageParts {
  readonly claims: Claims;
  readonly ledger: Ledger;
  readonly now: () => number;
  /** The piece of the page for it that has room; undefined: none now. */
  findHolder(message: PageMessage): Holder | undefined;
  isPageVisible(): boolean;
  /** Calls once it was really seen. @returns a function that stops watching. */
  whenSeen(element: Element, seen: () => void): () => void;
  track(touchpoint: Touchpoint, id: string, actionId?: string): void;
  /** What waits has changed. */
  save(waiting: readonly PageMessage[]): void;
  report(error: unknown): void;
}

/** Decides what this tab shows, and when. A message waits for a piece with room in a tab that is looked at, for the limits, and for the
 *  other tabs: each of them has it too, and the one that claims it shows it.
 *
 *     waiting ──room, visible──► claiming ──ours, within limits──► up ──seen a second, or answered──► settled (in every tab)
 *        ▲                          │                               │
 *        └── free again ◄── elsewhere └── beyond limits: later      └── tab hidden or piece removed before it was seen: waiting */
export interface Stage {
  add(message: PageMessage): void;
  /** The engine takes it back. */
  revoke(id: string): void;
  /** Something may be possible that was not: a piece came, the tab is looked at or left. */
  look(): void;
  /** Takes everything off and forgets it: another user has signed in. */
  clear(): void;
  /** Takes everything off, for good. */
  close(): void;
}

type Entry = {
  readonly message: PageMessage;
  state: "waiting" | "claiming" | "elsewhere" | "up";
  /** Beyond the limits until then. */
  notBeforeMs: number;
  /** Takes it off the screen and gives it back. */
  end?: () => void;
  isSeen: boolean;
};

const stageName = "stage";
const afterFailureMs = 5_000;

export function createStage(parts: StageParts): Stage {
  const { claims, ledger, now } = parts;
  const entries = new Map<string, Entry>();
  let isClosed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const save = () => parts.save([...entries.values()].filter(({ isSeen }) => !isSeen).map(({ message }) => message));
  const drop = (entry: Entry) => {
    entry.end?.();
    if (entries.delete(entry.message.id)) save();
  };
  const isOver = ({ message }: Entry) =>
    ledger.isSettled(message.id) || (message.expireTimeMs !== undefined && message.expireTimeMs <= now());

  const look = (): void => {
    clearTimeout(timer);
    if (isClosed) return;
    if (!parts.isPageVisible()) {
      for (const entry of [...entries.values()]) if (entry.state === "up" && !entry.isSeen) withdraw(entry);
      return;
    }
    for (const entry of [...entries.values()]) {
      if (entry.state !== "waiting") continue;
      if (isOver(entry)) drop(entry);
      else if (entry.notBeforeMs <= now() && parts.findHolder(entry.message) !== undefined) {
        void claim(entry).catch((error: unknown) => {
          entry.state = "waiting";
          entry.notBeforeMs = now() + afterFailureMs;
          parts.report(error);
          look();
        });
        // One at a time: whether there is room for the next is known when this one is up.
        return;
      }
    }
    const due = Math.min(
      ...[...entries.values()].filter(({ state }) => state === "waiting").map(({ notBeforeMs }) => notBeforeMs),
    );
    if (Number.isFinite(due) && due > now()) timer = setTimeout(look, Math.min(due - now(), 2 ** 31 - 1));
  };

  const claim = async (entry: Entry): Promise<void> => {
    const { id } = entry.message;
    entry.state = "claiming";
    const release = await claims.take(id);
    if (release === undefined) {
      entry.state = "elsewhere";
      void claims
        .whenFree(id)
        .then(() => {
          entry.state = "waiting";
          look();
        })
        .catch(parts.report);
      look();
      return;
    }
    try {
      // The limits are for all tabs together, so only one at a time may ask.
      await inTurn(claims, () => showNow(entry, release));
    } finally {
      if (entry.state === "claiming") {
        entry.state = "waiting";
        release();
      }
    }
    look();
  };

  const showNow = (entry: Entry, release: () => void): void => {
    const { message } = entry;
    const holder = parts.findHolder(message);
    // Much may have happened while this waited for the other tabs.
    if (isClosed || holder === undefined || !parts.isPageVisible() || entries.get(message.id) !== entry) return;
    if (isOver(entry)) {
      drop(entry);
      return;
    }
    const wait = ledger.begin(message.id, message.content.presentation.kind);
    if (wait.kind === "until") {
      entry.notBeforeMs = wait.atMs ?? Number.POSITIVE_INFINITY;
      return;
    }
    entry.state = "up";
    putUp(entry, holder, release);
  };

  const putUp = (entry: Entry, holder: Holder, release: () => void): void => {
    const { message } = entry;
    const { id } = message;
    const see = () => {
      if (entry.isSeen) return;
      entry.isSeen = true;
      parts.track("displayed", id);
      ledger.settle(id);
      save();
    };
    const finish = () => {
      drop(entry);
      look();
    };
    const answers: Answers = {
      // Whoever answers has seen it, be it in less than a second.
      clicked: (actionId) => {
        see();
        parts.track("clicked", id, actionId);
        finish();
      },
      dismissed: () => {
        see();
        parts.track("dismissed", id);
        finish();
      },
      ended: () => (entry.isSeen ? finish() : withdraw(entry)),
      removed: () => (entry.isSeen ? finish() : withdraw(entry)),
    };
    const shown: Shown = holder.show(message, answers);
    const stopWatching = parts.whenSeen(shown.element, see);
    entry.end = () => {
      delete entry.end;
      stopWatching();
      shown.close();
      release();
    };
  };

  /** Off the screen unseen: this tab or another one shows it later. */
  const withdraw = (entry: Entry): void => {
    entry.end?.();
    ledger.withdraw(entry.message.id);
    entry.state = "waiting";
  };

  return {
    add: (message) => {
      if (entries.has(message.id)) return;
      entries.set(message.id, { message, state: "waiting", notBeforeMs: 0, isSeen: false });
      save();
      look();
    },
    revoke: (id) => {
      const entry = entries.get(id);
      if (entry === undefined) return;
      drop(entry);
      look();
    },
    look,
    clear: () => {
      for (const entry of entries.values()) entry.end?.();
      entries.clear();
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      for (const entry of entries.values()) entry.end?.();
    },
  };
}

async function inTurn(claims: Claims, run: () => void): Promise<void> {
  let release = await claims.take(stageName);
  while (release === undefined) {
    await claims.whenFree(stageName);
    release = await claims.take(stageName);
  }
  try {
    run();
  } finally {
    release();
  }
}
