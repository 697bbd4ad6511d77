import { describe, expect, it } from "vitest";
import { until } from "../client/testing/until.ts";
import type { Claims } from "./claims.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import type { Answers, PageMessage } from "./message.ts";
import { createStage, type Stage } from "./stage.ts";

/** The tabs of one browser, each with a stage and room for one message, over claims and a ledger that all of them have. */
class Tabs {
  readonly held = new Set<string>();
  readonly freed = new Map<string, (() => void)[]>();
  readonly tracked: string[] = [];
  readonly ledger: Ledger;
  nowMs = 0;
  failures = 0;

  constructor(limits: { messagesMax?: number; modalsPerSession?: number } = {}) {
    const kept = new Map<string, string>();
    this.ledger = createLedger(
      { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) },
      { messagesMax: 100, windowMs: 1_000, modalsPerSession: 1, ...limits },
      () => this.nowMs,
    );
  }

  claims(): Claims & { die(): void } {
    const mine = new Set<string>();
    const release = (name: string) => {
      mine.delete(name);
      this.held.delete(name);
      for (const run of this.freed.get(name)?.splice(0) ?? []) run();
    };
    return {
      take: async (name) => {
        if (this.failures > 0) {
          this.failures -= 1;
          throw new Error("no locks now");
        }
        if (this.held.has(name)) return undefined;
        this.held.add(name);
        mine.add(name);
        return () => release(name);
      },
      whenFree: (name) =>
        this.held.has(name)
          ? new Promise((resolve) => this.freed.set(name, [...(this.freed.get(name) ?? []), resolve]))
          : Promise.resolve(),
      die: () => {
        for (const name of [...mine]) release(name);
      },
    };
  }

  open(): Tab {
    return new Tab(this);
  }
}

class Tab {
  readonly stage: Stage;
  readonly claims: ReturnType<Tabs["claims"]>;
  shown: { readonly message: PageMessage; readonly answers: Answers; readonly seen: () => void } | undefined;
  isVisible = true;
  readonly errors: unknown[] = [];
  saved: readonly string[] = [];

  constructor(tabs: Tabs) {
    this.claims = tabs.claims();
    let seenBy: () => void = () => undefined;
    this.stage = createStage({
      claims: this.claims,
      ledger: tabs.ledger,
      now: () => tabs.nowMs,
      findHolder: () =>
        this.shown === undefined
          ? {
              hasRoomFor: () => true,
              show: (message, answers) => {
                this.shown = { message, answers, seen: () => seenBy() };
                // The stage only hands it on.
                return { element: {} as Element, close: () => this.takeOff() };
              },
            }
          : undefined,
      isPageVisible: () => this.isVisible,
      whenSeen: (_, seen) => {
        seenBy = seen;
        return () => {
          seenBy = () => undefined;
        };
      },
      track: (touchpoint, id, actionId = "") => tabs.tracked.push([touchpoint, id, actionId].filter(Boolean).join(" ")),
      save: (messages) => {
        this.saved = messages.map(({ id }) => id);
      },
      report: (error) => this.errors.push(error),
    });
  }

  get id(): string | undefined {
    return this.shown?.message.id;
  }

  takeOff(): void {
    this.shown = undefined;
  }

  setVisible(isVisible: boolean): void {
    this.isVisible = isVisible;
    this.stage.look();
  }
}

function message(id: string, kind: "toast" | "modal" = "toast", expireTimeMs?: number): PageMessage {
  const presentation = { kind, placement: "", viewId: "" };
  return { id, content: { title: id, body: "", imageUrl: "", actions: [], data: {}, presentation }, expireTimeMs };
}

describe("stage", () => {
  it("shows one after the other where there is room for one, and reports each once", async () => {
    const tabs = new Tabs();
    const tab = tabs.open();
    tab.stage.add(message("a"));
    tab.stage.add(message("b"));
    tab.stage.add(message("a"));
    await until(() => tab.id === "a", "the first is up");
    tab.shown?.seen();
    tab.shown?.answers.clicked("buy");
    await until(() => tab.id === "b", "the second is up");
    tab.shown?.answers.dismissed();
    expect(tabs.tracked).toEqual(["displayed a", "clicked a buy", "displayed b", "dismissed b"]);
    expect(tab.saved).toEqual([]);
  });

  it("gives what a dead tab had not shown for long enough to another one", async () => {
    const tabs = new Tabs();
    const [one, other] = [tabs.open(), tabs.open()];
    for (const tab of [one, other]) tab.stage.add(message("a"));
    await until(() => one.id === "a", "one has it");
    expect(other.id).toBeUndefined();
    one.claims.die();
    await until(() => other.id === "a", "the other has it");
  });

  it("shows nowhere else what was seen, even when its tab dies", async () => {
    const tabs = new Tabs();
    const [one, other] = [tabs.open(), tabs.open()];
    for (const tab of [one, other]) tab.stage.add(message("a"));
    await until(() => one.id === "a", "one has it");
    one.shown?.seen();
    one.claims.die();
    other.stage.add(message("b"));
    await until(() => other.id === "b", "the next one is up");
    expect(other.saved).toEqual(["b"]);
    expect(tabs.tracked).toEqual(["displayed a"]);
  });

  it("takes what nobody has seen off a tab that is left, and shows it in the one that is looked at", async () => {
    const tabs = new Tabs();
    const [one, other] = [tabs.open(), tabs.open()];
    other.setVisible(false);
    for (const tab of [one, other]) tab.stage.add(message("m", "modal"));
    await until(() => one.id === "m", "the visible tab has it");
    one.setVisible(false);
    expect(one.id).toBeUndefined();
    other.setVisible(true);
    // It counted for nothing, or the one modal of the session would be spent.
    await until(() => other.id === "m", "the other tab has it");
  });

  it("waits until the limits allow, and drops what has ended by then", async () => {
    const tabs = new Tabs({ messagesMax: 1 });
    const tab = tabs.open();
    tab.stage.add(message("a"));
    await until(() => tab.id === "a", "the first is up");
    tab.shown?.answers.dismissed();
    tab.stage.add(message("short", "toast", 500));
    tab.stage.add(message("b"));
    await until(() => tabs.held.size === 0, "both have asked");
    expect(tab.id).toBeUndefined();
    tabs.nowMs = 1_001;
    tab.stage.look();
    await until(() => tab.id === "b", "there is room in the window");
    expect(tab.saved).toEqual(["b"]);
  });

  it("goes on after locks have failed, and says so", async () => {
    const tabs = new Tabs();
    const tab = tabs.open();
    tabs.failures = 1;
    tab.stage.add(message("a"));
    await until(() => tab.errors.length === 1, "it is reported");
    tabs.nowMs = 5_000;
    tab.stage.look();
    await until(() => tab.id === "a", "it is up");
  });

  it("takes a revoked message back, be it up or waiting, and everything when another user comes", async () => {
    const tabs = new Tabs();
    const tab = tabs.open();
    for (const id of ["a", "b", "c"]) tab.stage.add(message(id));
    await until(() => tab.id === "a", "the first is up");
    tab.stage.revoke("b");
    tab.stage.revoke("a");
    await until(() => tab.id === "c", "only the third is left");
    tab.stage.clear();
    expect(tab.id).toBeUndefined();
    expect(tabs.held.size).toBe(0);
  });
});
