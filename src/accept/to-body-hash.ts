import { hash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ContentSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { type TriggerRequest, TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { type TemplateUse, TemplateUseSchema } from "../../gen/intervention/v1/template_use_pb.js";
import { sortNames } from "../domain/sort-names.ts";
import type { ParsedTrigger } from "./parsed-trigger.ts";

/** SHA-256 over the parsed request without its key. Defaults count as given, a ttl stays a ttl (so that a repeated call hashes
 *  the same at another time), and the names in `data` are sorted, because some clients send maps in random order. */
export function toBodyHash(request: Omit<ParsedTrigger, "idempotencyKey" | "bodyHash">): Uint8Array {
  const { recipient, content, template, campaign, priority, policy } = request;
  const canonical = create(TriggerRequestSchema, {
    recipient,
    content:
      content.data === undefined ? content : create(ContentSchema, { ...content, data: sortNames(content.data) }),
    campaign,
    priority,
    policy,
    ...(template === undefined ? {} : { template: toSorted(template) }),
    expiration: toExpirationField(request.expiration),
  });
  return hash("sha256", toBinary(TriggerRequestSchema, canonical), "buffer");
}

const toSorted = ({ variables, ...use }: TemplateUse) =>
  create(TemplateUseSchema, variables === undefined ? use : { ...use, variables: sortNames(variables) });

function toExpirationField(expiration: ParsedTrigger["expiration"]): TriggerRequest["expiration"] {
  if (expiration.kind === "at") return { case: "expireTime", value: expiration.time };
  return expiration.kind === "after" ? { case: "ttl", value: durationFromMs(expiration.ttlMs) } : { case: undefined };
}
