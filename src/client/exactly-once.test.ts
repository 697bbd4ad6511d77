import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createInterventionClient, type InterventionClient } from "./client.ts";
import { ManualClock, settled } from "./testing/manual-clock.ts";
import { ManualNetwork } from "./testing/manual-network.ts";
import { MemoryStorage } from "./testing/memory-storage.ts";
import { ModelGateway } from "./testing/model-gateway.ts";
import type { Clock } from "./timers.ts";

/** What the world may do to a client. The wire keeps the order of first copies, as TCP and the gateway
 *  do; older copies and the engine's answers may come at any time and in any order. */
const happening = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: "publish" } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("revoke" as const), which: fc.nat(20) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("down" as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("up" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("repeat" as const), which: fc.nat(40) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("shuffle" as const), seed: fc.nat(1_000) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("cut" as const), code: fc.constantFrom(1006, 1012, 4001, 4008) }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: "open" } as const) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 40_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("displayed" as const), which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("clicked" as const), which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("stumble" as const), frames: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reload" } as const) },
);

type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

describe("whatever the network does", () => {
  it("calls back once for each intervention and gets every tracking event stored", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 60 }), fc.nat(), async (happenings, seed) => {
        const world = new World(seed);
        await world.begin();
        for (const each of happenings) await world.happen(each);
        await world.calmDown();
        for (const id of world.published) {
          const expected = world.revoked.has(id) ? [0, 1] : [1];
          expect(expected, `callbacks for ${id}`).toContain(world.shown.get(id) ?? 0);
          if (world.shown.has(id)) expect([...world.gateway.tracked.keys()]).toContain(`${id}:delivered`);
        }
        expect(world.clicks.size).toBe(
          [...world.gateway.tracked.keys()].filter((id) => id.includes(":clicked")).length,
        );
        expect([...world.gateway.tracked.keys()]).toEqual(expect.arrayContaining([...world.displays]));
        expect(world.client.unsentCount).toBe(0);
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});

class World {
  readonly gateway = new ModelGateway();
  readonly network = new ManualNetwork(this.gateway);
  readonly clock = new ManualClock();
  readonly storage = new MemoryStorage();
  readonly published: string[] = [];
  readonly revoked = new Set<string>();
  readonly shown = new Map<string, number>();
  readonly displays = new Set<string>();
  readonly clicks = new Set<number>();
  readonly #random: () => number;
  #kill = (): void => undefined;
  client: InterventionClient;

  constructor(seed: number) {
    this.#random = dice(seed);
    this.client = this.#page();
  }

  /** History counts from the first welcome: what was sent before is the inbox's matter. */
  async begin(): Promise<void> {
    await this.network.calm(settled);
  }

  async happen(what: Happening): Promise<void> {
    const socket = this.network.newest;
    switch (what.kind) {
      case "publish":
        this.published.push(`iv-${this.published.length}`);
        this.gateway.publish(`iv-${this.published.length - 1}`);
        break;
      case "revoke": {
        const id = this.published[what.which];
        if (id === undefined) break;
        this.revoked.add(id);
        this.gateway.revoke(id);
        break;
      }
      case "down":
        for (let moved = 0; moved < what.count; moved += 1) socket.moveDown();
        break;
      case "up":
        for (let moved = 0; moved < what.count; moved += 1) socket.moveUp();
        break;
      case "repeat": {
        const old = this.gateway.history[what.which];
        // Only what the gateway has sent on this socket before can come twice.
        if (
          old !== undefined &&
          !socket.down.includes(JSON.stringify(old.frame)) &&
          this.gateway.openCount > 0 &&
          socket.phase === "open"
        ) {
          socket.down.push(JSON.stringify(old.frame));
        }
        break;
      }
      case "shuffle":
        // A burst that arrives whole, out of order; a welcome is always first.
        if (socket.down.length > 0 && !socket.down.some((text) => text.startsWith('{"welcome"'))) {
          const burst = socket.down.splice(0);
          burst.sort((one, other) => rank(one, what.seed) - rank(other, what.seed));
          for (const text of burst) socket.receive(text);
        }
        break;
      case "cut":
        socket.end(what.code);
        break;
      case "open":
        socket.open();
        break;
      case "wait":
        await this.clock.advance(what.ms);
        break;
      case "displayed":
        this.#touch(what.which, (id) => {
          this.displays.add(`${id}:displayed`);
          this.client.track("displayed", id);
        });
        break;
      case "clicked":
        this.#touch(what.which, (id) => {
          this.clicks.add(this.clicks.size);
          this.client.track("clicked", id, "buy");
        });
        break;
      case "stumble": {
        // Comes back to something missed, and is cut off again while that is on its way.
        socket.end(1006);
        await this.happen({ kind: "publish" });
        await this.happen({ kind: "publish" });
        await this.happen({ kind: "wait", ms: 31_000 });
        await this.happen({ kind: "open" });
        await this.happen({ kind: "up", count: 1 });
        await this.happen({ kind: "down", count: what.frames });
        await this.happen({ kind: "cut", code: 1006 });
        break;
      }
      case "reload":
        // No last words: only what is stored goes on.
        this.#kill();
        this.client = this.#page();
        break;
    }
    await settled();
  }

  /** The network is good from now on. */
  async calmDown(): Promise<void> {
    for (let round = 0; round < 8; round += 1) {
      await this.network.calm(settled);
      await this.clock.advance(16_000);
    }
    await this.network.calm(settled);
  }

  #touch(which: number, run: (id: string) => void): void {
    const id = this.published[which];
    if (id !== undefined && this.shown.has(id)) run(id);
  }

  #page(): InterventionClient {
    // The gateway of this model sends no pings, so it asks for none.
    this.gateway.heartbeatMs = 3_600_000;
    const { network, storage } = this;
    let isAlive = true;
    const clock: Clock = {
      now: () => this.clock.now(),
      setTimeout: (run, ms) => this.clock.setTimeout(() => isAlive && run(), ms),
      clearTimeout: (handle) => this.clock.clearTimeout(handle),
    };
    this.#kill = () => {
      isAlive = false;
      network.newest.vanish();
    };
    const client = createInterventionClient({
      url: "http://engine.test",
      token: () => "token",
      transport: "websocket",
      webSocket: network.webSocket,
      storage,
      clock,
      page: null,
      random: this.#random,
    });
    client.on("error", () => undefined);
    client.on("intervention", ({ id }) => this.shown.set(id, (this.shown.get(id) ?? 0) + 1));
    client.connect();
    return client;
  }
}

/** Mulberry32. Even dice: those that fast-check would choose are tiny far too often to make names from. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function rank(text: string, seed: number): number {
  let hash = seed;
  for (const letter of text) hash = (hash * 31 + letter.charCodeAt(0)) % 65_537;
  return hash;
}
