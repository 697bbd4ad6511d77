import { randomUUID } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LimitsMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import type { Bus } from "../bus/index.ts";
import { SharedBuckets } from "../domain/limit/shared-buckets.ts";
import type { RateLimit } from "../domain/limit/token-bucket.ts";

/** What sharing buckets takes. */
export type SharedLimitsOptions = {
  readonly bus: Pick<Bus, "nc" | "isConnected">;
  /** Where the nodes tell each other. */
  readonly subject: string;
  /** Of a bucket by its id, whoever asks for it. */
  readonly limitOf: (id: string) => RateLimit;
  /** Milliseconds that only go forward. */
  readonly now: () => number;
};

/** Others hear of what was taken here at least this often while anything is. */
const TELL_MS = 50;
export const BEAT_MS = 1_000;
const SWEEP_MS = 30_000;

/** Buckets that all nodes share, told of over core NATS. See SharedBuckets for how far nodes can overshoot together. */
export class SharedLimits {
  readonly buckets = new SharedBuckets(() => this.#tellSoon());
  readonly #options: SharedLimitsOptions;
  readonly #node = randomUUID();
  readonly #timers: NodeJS.Timeout[];
  readonly #subscription: { unsubscribe: () => void };
  #isTelling = false;
  #toldAtMs = 0;

  constructor(options: SharedLimitsOptions) {
    this.#options = options;
    const { bus, subject } = options;
    this.#subscription = bus.nc.subscribe(subject, { callback: (_, { data }) => this.#hear(data) });
    this.#timers = [
      setInterval(() => this.#tick(), TELL_MS),
      setInterval(() => this.buckets.sweep(options.now()), SWEEP_MS),
    ];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#subscription.unsubscribe();
  }

  #tick(): void {
    const nowMs = this.#options.now();
    this.buckets.setCutOff(!this.#options.bus.isConnected(), nowMs);
    this.#tell(nowMs - this.#toldAtMs >= BEAT_MS);
  }

  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      this.#tell(false);
    });
  }

  #tell(isBeat: boolean): void {
    const { bus, now, subject } = this.#options;
    if (this.buckets.isCutOff || bus.nc.isClosed()) return;
    const uses = this.buckets.tell().map(({ id, total, sinceLast }) => ({ bucket: id, total, sinceLast }));
    if (uses.length === 0 && !isBeat) return;
    this.#toldAtMs = now();
    const message = create(LimitsMessageSchema, { node: this.#node, uses });
    bus.nc.publish(subject, toBinary(LimitsMessageSchema, message));
  }

  #hear(data: Uint8Array): void {
    const { node, uses } = fromBinary(LimitsMessageSchema, data);
    if (node === this.#node) return;
    const heard = uses.map(({ bucket, total, sinceLast }) => ({ id: bucket, total, sinceLast }));
    this.buckets.hear(node, heard, { nowMs: this.#options.now(), limitOf: this.#options.limitOf });
  }
}
