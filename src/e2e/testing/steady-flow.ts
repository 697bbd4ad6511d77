import { randomUUID } from "node:crypto";
import { z } from "zod";
import { callPool } from "./connect-json.ts";

const BATCH = 15;
const EVERY_MS = 200;
const answer = z.object({ results: z.array(z.object({ response: z.object({ interventionId: z.string() }) })) });

export type FlowOptions = {
  readonly apiUrl: string;
  /** Who calls: asked for with each call. */
  readonly token: () => string;
  /** In turn. */
  readonly userIds: readonly string[];
};

/** Asks for interventions at a steady rate, 75 a second, whatever becomes of those before; repeats a call until it is answered. */
export class SteadyFlow {
  readonly #options: FlowOptions;
  readonly #calls = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #accepted: string[] = [];
  #asked = 0;
  #failure: unknown;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      const call = this.#call()
        .catch((error: unknown) => {
          this.#failure ??= error;
        })
        .finally(() => this.#calls.delete(call));
      this.#calls.add(call);
    }, EVERY_MS);
  }

  /** Ids, in the order of their acceptance.
   *  @throws what a call failed with. */
  get accepted(): readonly string[] {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#accepted;
  }

  /** Returns when everything that was asked for is accepted. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#calls);
  }

  async #call(): Promise<void> {
    const { apiUrl, token, userIds } = this.#options;
    const requests = Array.from({ length: BATCH }, () => {
      const userId = userIds[this.#asked % userIds.length] ?? "";
      this.#asked += 1;
      return { idempotencyKey: randomUUID(), recipient: { userId }, content: { title: `${this.#asked}` } };
    });
    const { results } = await callPool([apiUrl], {
      method: "InterventionService/TriggerBatch",
      body: { requests },
      apiKey: token(),
      parse: answer,
    });
    this.#accepted.push(...results.map(({ response }) => response.interventionId));
  }
}
