import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { TriggerSource } from "../../gen/intervention/v1/campaign_pb.js";
import type { Content, Policy, Priority, Recipient } from "../../gen/intervention/v1/intervention_pb.js";
import type { RenderedMessage } from "../../gen/intervention/v1/template_pb.js";
import type { TemplateUse } from "../../gen/intervention/v1/template_use_pb.js";

/** A request to intervene in which everything is right and every default is filled in. */
export type ParsedTrigger = {
  /** Never empty. */
  readonly idempotencyKey: string;
  readonly recipient: Recipient;
  /** Where a template says it, only the products that it is about, if any. */
  readonly content: Content;
  /** What says it instead of the content. The hash is over what was asked for, so that a call that is repeated after a newer version
   *  was published is still the same call. */
  readonly template?: TemplateUse;
  /** What a test of a template came to, instead of either. Not part of the body. */
  readonly rendered?: RenderedMessage;
  /** May be empty. */
  readonly campaign: string;
  readonly priority: Priority;
  /** Its channels are never empty. */
  readonly policy: Policy;
  readonly expiration:
    | { readonly kind: "never" }
    | { readonly kind: "at"; readonly time: Timestamp }
    | { readonly kind: "after"; readonly ttlMs: number };
  /** What made a campaign ask for it; undefined when a caller did. Not part of the body. */
  readonly source?: TriggerSource;
  /** SHA-256 over all of the above but the key: tells a repeated call from a reused key. */
  readonly bodyHash: Uint8Array;
};
