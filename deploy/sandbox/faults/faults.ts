import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

/** How badly a neighbour behaves; all zero and false when it is well. */
export type FaultSettings = z.output<typeof faultSettings>;

/** What an operator may set, as JSON; what is left out is well. */
export const faultSettings = z.strictObject({
  /** Every answer or message comes so much later. */
  delay_ms: z.int().min(0).max(60_000).default(0),
  /** Share of calls that are answered by an error, or of messages that are never sent. */
  error_rate: z.number().min(0).max(1).default(0),
  /** Every answer or message is no such thing. */
  garbage: z.boolean().default(false),
  /** Connections are cut, messages are held back. */
  down: z.boolean().default(false),
});

/** What befalls one answer or message. */
export type Strike = "none" | "error" | "garbage" | "down";

const WELL = faultSettings.parse({});
const LOOK_MS = 50;

/** The faults of one neighbour, which it asks about before each answer or message. */
export class Faults {
  readonly #random: () => number;
  #settings: FaultSettings = WELL;

  /** @param random decides which calls `error_rate` strikes. Default: Math.random. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  get settings(): FaultSettings {
    return this.#settings;
  }

  /** What is left out is well again. */
  set(settings: Partial<FaultSettings>): void {
    this.#settings = { ...WELL, ...settings };
  }

  /** Waits as long as it is to be waited, and says what comes then. */
  async strike(): Promise<Strike> {
    const { delay_ms: delayMs, down, error_rate: errorRate, garbage } = this.#settings;
    if (down) return "down";
    if (delayMs > 0) await delay(delayMs);
    // One that went down meanwhile does not answer either.
    if (this.#settings.down) return "down";
    if (this.#random() < errorRate) return "error";
    return garbage ? "garbage" : "none";
  }

  /** The same for who sends unasked: while it is down it waits, and then sends.
   *  @returns "error" for what is not to be sent, also when it is to stop. */
  async strikeMessage(isStopping: () => boolean): Promise<Exclude<Strike, "down">> {
    for (;;) {
      const strike = await this.strike();
      if (strike !== "down") return strike;
      if (isStopping()) return "error";
      await delay(LOOK_MS);
    }
  }
}

/** No JSON, no protobuf message and no text. */
export const GARBAGE = Uint8Array.of(255, 255, 255, 1, 2, 3);
