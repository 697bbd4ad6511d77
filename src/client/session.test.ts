import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { transition } from "./session.ts";
import {
  newSession,
  type Session,
  type SessionEffect,
  type SessionEvent,
  type TimerName,
  type TransportMode,
} from "./session-state.ts";

describe("session", () => {
  it("goes from connecting over resyncing to open", () => {
    const run = new Run();
    run.feed({ kind: "connect" });
    expect(run.opened()).toEqual({ transport: "websocket", isFreshToken: false });
    run.feed({ kind: "opened", attempt: 1, isResuming: true }, welcome);
    expect(run.states).toEqual(["connecting", "resyncing", "open"]);
  });

  test.each([
    { code: 1006, waitMs: 125, isFreshToken: false },
    { code: 1001, waitMs: 125, isFreshToken: false },
    { code: 1012, waitMs: 125, isFreshToken: false },
    { code: 4008, waitMs: 125, isFreshToken: false },
    { code: 4001, waitMs: 125, isFreshToken: true },
    { code: 4003, waitMs: 90_000, isFreshToken: false },
    { code: 4009, waitMs: 90_000, isFreshToken: false },
  ])("after close code $code waits $waitMs ms at random 0.5", ({ code, waitMs, isFreshToken }) => {
    const run = new Run().open();
    run.now += 10_000;
    run.feed({ kind: "ended", attempt: 1, code });
    expect(run.timer("retry")).toBe(waitMs);
    run.feed({ kind: "timer", name: "retry" });
    expect(run.opened()).toEqual({ transport: "websocket", isFreshToken });
  });

  it("stops with an error after a protocol error, until connect", () => {
    const run = new Run().open();
    run.feed(
      { kind: "ended", attempt: 1, code: 4010 },
      { kind: "wake", cause: "online" },
      { kind: "timer", name: "retry" },
    );
    expect(run.session.phase.kind).toBe("closed");
    expect(run.reports).toEqual(["PROTOCOL_ERROR"]);
    run.feed({ kind: "connect" });
    expect(run.session.phase.kind).toBe("connecting");
  });

  it("lets waking up cut a backoff short, but not the long wait after a refused origin", () => {
    const run = new Run().open();
    run.feed({ kind: "ended", attempt: 1, code: 1006 }, { kind: "wake", cause: "visible" });
    expect(run.session.phase.kind).toBe("connecting");
    run.feed({ kind: "ended", attempt: 2, code: 4003 }, { kind: "wake", cause: "online" });
    expect(run.session.phase.kind).toBe("waiting");
  });

  it("backs off further while sessions do not last, and begins anew after one that did", () => {
    const run = new Run().open();
    const waits = [1, 2, 3].map((attempt) => {
      run.feed({ kind: "ended", attempt, code: 1006 });
      const ms = run.timer("retry");
      run.feed({ kind: "timer", name: "retry" }, { kind: "opened", attempt: attempt + 1, isResuming: true }, welcome);
      return ms;
    });
    run.now += 10_000;
    run.feed({ kind: "ended", attempt: 4, code: 1006 });
    expect([...waits, run.timer("retry")]).toEqual([125, 250, 500, 125]);
  });

  it("drops a connection on which nothing was heard for two heartbeats", () => {
    const run = new Run().open();
    expect(run.timer("silence")).toBe(20_000);
    run.now += 15_000;
    run.feed({ kind: "heard" });
    run.now += 5_000;
    run.feed({ kind: "timer", name: "silence" });
    expect(run.timer("silence")).toBe(15_000);
    run.now += 15_000;
    run.feed({ kind: "timer", name: "silence" });
    expect(run.session.phase.kind).toBe("waiting");
    expect(run.effects.at(-1)?.map(({ kind }) => kind)).toContain("drop");
  });

  it("finds out on waking that the connection died in its sleep", () => {
    const run = new Run().open();
    run.now += 60_000;
    run.feed({ kind: "wake", cause: "visible" });
    expect(run.session.phase.kind).toBe("waiting");
  });

  it("gives up on a connection that does not get to its welcome in 20 s, and on its token", () => {
    const run = new Run();
    run.feed({ kind: "connect" });
    expect(run.timer("deadline")).toBe(20_000);
    run.feed({ kind: "timer", name: "deadline" }, { kind: "timer", name: "retry" });
    expect(run.opened()?.isFreshToken).toBe(true);
  });

  it("asks for a fresh token after a first try that got nowhere: a browser cannot see it was refused", () => {
    const run = new Run();
    run.feed({ kind: "connect" });
    const isFresh = [1, 2, 3].map((attempt) => {
      run.feed({ kind: "ended", attempt, code: 1006 }, { kind: "timer", name: "retry" });
      return run.opened()?.isFreshToken;
    });
    // Not every time: when the engine is down, whoever mints tokens must not be overrun.
    expect(isFresh).toEqual([true, false, true]);
  });

  it("stays through a drain until its time and then moves at once", () => {
    const run = new Run().open();
    run.feed({ kind: "drain", reconnectAfterMs: 4_000 });
    expect(run.session.phase.kind).toBe("open");
    expect(run.timer("drain")).toBe(4_000);
    run.feed({ kind: "timer", name: "drain" });
    expect(run.session.phase.kind).toBe("connecting");
  });

  it("waits for the rest of a drain when the gateway closes before", () => {
    const run = new Run().open();
    run.feed({ kind: "drain", reconnectAfterMs: 4_000 });
    run.now += 1_000;
    run.feed({ kind: "ended", attempt: 1, code: 1012 });
    expect(run.timer("retry")).toBe(3_000);
  });

  it("renews the token at four fifths of its life, over events by opening them anew", () => {
    const socket = new Run().open();
    expect(socket.timer("refresh")).toBe(48_000);
    socket.feed({ kind: "timer", name: "refresh" });
    expect(socket.effects.at(-1)).toEqual([{ kind: "refreshToken" }]);
    socket.feed({ kind: "refreshed", tokenLifeMs: 100_000 });
    expect(socket.timer("refresh")).toBe(80_000);
    const events = new Run("sse").open();
    events.feed({ kind: "timer", name: "refresh" });
    expect(events.opened()).toEqual({ transport: "sse", isFreshToken: true });
  });

  it("takes server-sent events after WebSocket failed to open twice, and then tries WebSocket once more", () => {
    const run = new Run();
    run.feed({ kind: "connect" });
    const transports = [1, 2, 3].map((attempt) => {
      const transport = run.opened()?.transport;
      if (transport === "sse") run.feed({ kind: "opened", attempt, isResuming: false }, welcome);
      run.feed({ kind: "ended", attempt, code: 1006 }, { kind: "timer", name: "retry" });
      return transport;
    });
    expect([...transports, run.opened()?.transport]).toEqual(["websocket", "websocket", "sse", "websocket"]);
    run.feed({ kind: "ended", attempt: 4, code: 1006 }, { kind: "timer", name: "retry" });
    expect(run.opened()?.transport).toBe("sse");
  });

  it("stays with a WebSocket that has worked, however long the engine is away", () => {
    const run = new Run().open();
    for (let attempt = 1; attempt < 10; attempt += 1) {
      run.feed({ kind: "ended", attempt, code: 1006 }, { kind: "timer", name: "retry" });
      expect(run.opened()?.transport).toBe("websocket");
    }
  });

  it("ignores what earlier connections still have to say", () => {
    const run = new Run().open();
    run.feed({ kind: "ended", attempt: 1, code: 1006 }, { kind: "timer", name: "retry" });
    const before = run.session;
    run.feed({ kind: "ended", attempt: 1, code: 4010 }, { kind: "opened", attempt: 1, isResuming: false });
    run.feed({ kind: "tokenFailed", attempt: 1, message: "late" });
    expect(run.session).toEqual(before);
  });

  it("always has either a connection under way or a timer that leads on, unless it is closed", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 50 }), (events) => {
        const run = new Run();
        const timers = new Set<string>();
        for (const event of events) {
          if (event.kind === "timer") {
            if (!timers.has(event.name)) continue;
            timers.delete(event.name);
          }
          run.feed(event);
          for (const effect of run.effects.at(-1) ?? []) {
            if (effect.kind === "cancelTimers") timers.clear();
            if (effect.kind === "timer") timers.add(effect.name);
          }
          const needed = {
            closed: undefined,
            waiting: "retry",
            connecting: "deadline",
            greeting: "deadline",
            open: "silence",
          };
          const name = needed[run.session.phase.kind];
          if (name === undefined) expect(timers.size).toBe(0);
          else expect(timers).toContain(name);
        }
      }),
    );
  });
});

const welcome: SessionEvent = { kind: "welcome", heartbeatMs: 10_000, tokenLifeMs: 60_000 };

const attempt = fc.integer({ min: 1, max: 6 });
const anyEvent: fc.Arbitrary<SessionEvent> = fc.oneof(
  fc.constantFrom<SessionEvent[]>(
    { kind: "connect" },
    { kind: "connect" },
    { kind: "close" },
    { kind: "heard" },
    { kind: "wake", cause: "online" },
    { kind: "refreshFailed" },
    { kind: "drain", reconnectAfterMs: 5 },
    welcome,
    welcome,
  ),
  fc.record({ kind: fc.constant("opened" as const), attempt, isResuming: fc.boolean() }),
  fc.record({ kind: fc.constant("ended" as const), attempt, code: fc.constantFrom(0, 1006, 4001, 4003, 4010) }),
  fc.record({
    kind: fc.constant("timer" as const),
    name: fc.constantFrom(
      "deadline" as const,
      "silence" as const,
      "refresh" as const,
      "drain" as const,
      "retry" as const,
    ),
  }),
);

class Run {
  session: Session = newSession;
  now = 1_000_000;
  readonly effects: (readonly SessionEffect[])[] = [];
  readonly #mode: TransportMode;

  constructor(mode: TransportMode = "auto") {
    this.#mode = mode;
  }

  feed(...events: SessionEvent[]): void {
    for (const event of events) {
      const step = transition(this.session, event, { now: this.now, random: 0.5, mode: this.#mode });
      this.session = step.session;
      this.effects.push(step.effects);
    }
  }

  open(): this {
    this.feed({ kind: "connect" }, { kind: "opened", attempt: 1, isResuming: false }, welcome);
    return this;
  }

  get states(): string[] {
    return this.effects.flat().flatMap((effect) => (effect.kind === "announce" ? [effect.state] : []));
  }

  get reports(): string[] {
    return this.effects.flat().flatMap((effect) => (effect.kind === "report" ? [effect.reason] : []));
  }

  /** How the newest connection was asked for. */
  opened(): { transport: string; isFreshToken: boolean } | undefined {
    const newest = this.effects.flat().findLast((effect) => effect.kind === "open");
    return newest && { transport: newest.transport, isFreshToken: newest.isFreshToken };
  }

  /** The newest setting of a timer. */
  timer(name: TimerName): number | undefined {
    const newest = this.effects.flat().findLast((effect) => effect.kind === "timer" && effect.name === name);
    return newest?.kind === "timer" ? newest.ms : undefined;
  }
}
