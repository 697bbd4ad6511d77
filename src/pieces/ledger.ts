import type { PresentationKind } from "../client/index.ts";
import { type Limits, type Showing, type Wait, waitFor } from "./limits.ts";
import type { PageStorage } from "./safe-storage.ts";

const key = "engine-pieces";
const sessionMs = 30 * 60_000;
/** The newest count: older ones are past every window, and the engine does not send them again. */
const keptMax = 200;

interface State {
  readonly shown: readonly Showing[];
  readonly settled: readonly string[];
  readonly sessionStartMs: number;
  readonly usedMs: number;
}

/** What all tabs of this browser know of what was shown: ids, kinds and times, nothing of what a message says. */
export interface Ledger {
  isSettled(id: string): boolean;
  /** It was seen, or answered: no tab shows it any more. */
  settle(id: string): void;
  /** Notes that it is shown now, if the limits allow. Call it with the other tabs locked out. */
  begin(id: string, kind: PresentationKind): Wait;
  /** It was taken off before anybody can have seen it. */
  withdraw(id: string): void;
}

export function createLedger(storage: PageStorage, limits: Limits, now: () => number): Ledger {
  const read = (): State => {
    const nowMs = now();
    const { shown = [], settled = [], sessionStartMs = nowMs, usedMs = 0 } = parse(storage.getItem(key));
    const isNewSession = nowMs - usedMs > sessionMs;
    return { shown, settled, sessionStartMs: isNewSession ? nowMs : sessionStartMs, usedMs: nowMs };
  };
  const write = ({ shown, settled, ...times }: State) =>
    storage.setItem(
      key,
      JSON.stringify({ shown: shown.slice(-keptMax), settled: settled.slice(-keptMax), ...times } satisfies State),
    );
  write(read());
  return {
    isSettled: (id) => read().settled.includes(id),
    settle: (id) => {
      const state = read();
      if (!state.settled.includes(id)) write({ ...state, settled: [...state.settled, id] });
    },
    begin: (id, kind) => {
      const state = read();
      const others = state.shown.filter((one) => one.id !== id);
      const wait = waitFor(kind, others, limits, { nowMs: state.usedMs, sessionStartMs: state.sessionStartMs });
      if (wait.kind === "now") write({ ...state, shown: [...others, { id, kind, atMs: state.usedMs }] });
      return wait;
    },
    withdraw: (id) => {
      const state = read();
      write({ ...state, shown: state.shown.filter((one) => one.id !== id) });
    },
  };
}

/** What an older version or another script has left there counts as nothing. */
function parse(text: string | null): Partial<State> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    const state = typeof value === "object" && value !== null ? (value as Partial<State>) : {};
    return Array.isArray(state.shown) && Array.isArray(state.settled) ? state : {};
  } catch {
    return {};
  }
}
