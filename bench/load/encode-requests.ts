import { create, toBinary } from "@bufbuild/protobuf";
import { TriggerBatchRequestSchema, TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { titleOf } from "./messages.ts";

/** About the 231 bytes of the figures in the design. */
const body = "Three things are still in your cart. Order within the hour and the delivery is on us, wherever you are.";

/** Encodes requests number `from` to `to`, `batch` to a body; a batch of 1 is a plain Trigger. Done before the clock starts, so
 *  that the load takes as little as it can of the cores it shares with the engine. */
export function encodeRequests(options: {
  readonly from: number;
  readonly to: number;
  readonly batch: number;
  readonly users: number;
  readonly run: string;
}): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (let first = options.from; first < options.to; first += options.batch) {
    const requests = Array.from({ length: Math.min(options.batch, options.to - first) }, (_, i) =>
      toRequest(first + i, options),
    );
    const [only] = requests;
    bodies.push(
      options.batch === 1 && only !== undefined
        ? toBinary(TriggerRequestSchema, only)
        : toBinary(TriggerBatchRequestSchema, create(TriggerBatchRequestSchema, { requests })),
    );
  }
  return bodies;
}

function toRequest(n: number, { users, run }: { readonly users: number; readonly run: string }) {
  return create(TriggerRequestSchema, {
    idempotencyKey: `${run}-${n}`,
    recipient: { userId: userOf(n, users) },
    content: { title: titleOf(n), body },
    campaign: "bench",
  });
}

/** Everybody in turn. */
export function userOf(n: number, users: number): string {
  return `user-${((n % users) + users) % users}`;
}
