import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Content, Policy, Priority, Recipient } from "../../gen/intervention/v1/intervention_pb.js";

/** A request to intervene in which everything is right and every default is filled in. */
export type ParsedTrigger = {
  /** Never empty. */
  readonly idempotencyKey: string;
  readonly recipient: Recipient;
  readonly content: Content;
  /** May be empty. */
  readonly campaign: string;
  readonly priority: Priority;
  /** Its channels are never empty. */
  readonly policy: Policy;
  readonly expiration:
    | { readonly kind: "never" }
    | { readonly kind: "at"; readonly time: Timestamp }
    | { readonly kind: "after"; readonly ttlMs: number };
  /** SHA-256 over all of the above but the key: tells a repeated call from a reused key. */
  readonly bodyHash: Uint8Array;
};
