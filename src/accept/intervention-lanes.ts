import { type Bus, DECIDE_LANES, findConsumer, PackedPublisher, type PriorityName, toDecider } from "../bus/index.ts";
import { type Lane, LaneChooser } from "../domain/limit/lane-chooser.ts";

/** One intervention on its way to being decided. */
export type Outgoing = {
  readonly workspaceId: string;
  readonly priority: PriorityName;
  readonly body: Uint8Array;
  readonly messageId: string;
};

type Waiting = {
  readonly outgoing: Outgoing;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** What a workspace may have undecided on the main lane of a priority, by this process: a whole batch, and about a third of a second
 *  of deciding, which is what a crowd of one workspace costs the others when it begins. */
const MAIN_MAX = 1_000;
/** While others have something to be decided, the bulk lane is decided a message at a time: smaller ones would hold them up less, and
 *  cost the broker more. */
const BULK_ITEMS_PER_MESSAGE_MAX = 250;
/** How often it is asked how far deciding is: while a workspace is held to the bulk lane, or near it, and otherwise. */
const LOOK_MS = { pressed: 50, idle: 1_000 };

/** Puts accepted interventions on INTERVENTIONS, what is too much of one workspace on the bulk lane, so that it is not waited for by
 *  the others. */
export class InterventionLanes {
  readonly #bus: Bus;
  readonly #chooser = new LaneChooser(MAIN_MAX);
  readonly #publishers: Readonly<Record<Lane, PackedPublisher>>;
  #waiting: Waiting[] = [];
  #looking: NodeJS.Timeout | undefined;
  #looksInMs = Number.POSITIVE_INFINITY;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#publishers = {
      main: new PackedPublisher(bus),
      bulk: new PackedPublisher(bus, { itemsMax: BULK_ITEMS_PER_MESSAGE_MAX }),
    };
  }

  /** Resolves when it is on disk. What is given in one tick goes on one lane.
   *  @throws Unavailable when it may not be; publishing it again is safe. */
  publish(outgoing: Outgoing): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ outgoing, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    const byLine = Map.groupBy(this.#waiting, ({ outgoing }) => toLine(outgoing));
    this.#waiting = [];
    for (const [line, group] of byLine) {
      const lane = this.#chooser.choose(line, group.length);
      for (const one of group) this.#send(line, lane, one);
      this.#lookSoon(this.#chooser.isPressed(line) ? LOOK_MS.pressed : LOOK_MS.idle);
    }
  }

  #send(line: string, lane: Lane, { outgoing, resolve, reject }: Waiting): void {
    const { workspaceId, priority, ...item } = outgoing;
    const subject = this.#bus.subjects.intervention(workspaceId, priority, lane);
    this.#publishers[lane].publish([{ subject, ...item }]).then(
      (sequence) => {
        this.#chooser.published(line, { lane, count: 1, sequence });
        resolve();
      },
      (error: unknown) => {
        this.#chooser.published(line, { lane, count: 1, sequence: undefined });
        reject(error);
      },
    );
  }

  #lookSoon(inMs: number): void {
    if (inMs >= this.#looksInMs) return;
    clearTimeout(this.#looking);
    this.#looksInMs = inMs;
    // Nobody waits for it, and a process that is done must not.
    this.#looking = setTimeout(() => void this.#look(), inMs).unref();
  }

  /** Asks how far the lanes with something of ours on them are decided. */
  async #look(): Promise<void> {
    const lines = this.#chooser.lines.map((name) => ({ name, priority: name.slice(0, name.indexOf("/")) }));
    await Promise.all(
      DECIDE_LANES.map(async ({ priority, lane }) => {
        const waiting = lines
          .filter((line) => line.priority === priority)
          .map(({ name }) => ({ name, newest: this.#chooser.newestOf(name, lane) }))
          .filter(({ newest }) => newest > 0);
        if (waiting.length === 0) return;
        const sequence = await this.#findFloor({ priority, lane }, Math.max(...waiting.map(({ newest }) => newest)));
        for (const { name } of waiting) this.#chooser.handled(name, { lane, sequence });
      }),
    );
    this.#looksInMs = Number.POSITIVE_INFINITY;
    if (this.#bus.nc.isClosed()) return;
    const left = this.#chooser.lines;
    if (left.some((name) => this.#chooser.isPressed(name))) this.#lookSoon(LOOK_MS.pressed);
    else if (left.length > 0) this.#lookSoon(LOOK_MS.idle);
  }

  /** Up to where a lane is decided; what was there before asking is, when nothing waits. */
  async #findFloor(lane: (typeof DECIDE_LANES)[number], newest: number): Promise<number> {
    try {
      const info = await findConsumer(this.#bus, "INTERVENTIONS", toDecider(lane));
      if (info === undefined) return 0;
      return info.num_pending + info.num_ack_pending === 0 ? newest : info.ack_floor.stream_seq;
    } catch {
      // A broker that does not answer is told of by whoever can't publish to it; here it only means that nothing new is known.
      return 0;
    }
  }
}

const toLine = ({ workspaceId, priority }: Outgoing) => `${priority}/${workspaceId}`;
