import type { JsonObject } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  GonePolicy,
  GonePolicySchema,
  Presentation_Kind,
  Presentation_KindSchema,
} from "../../gen/intervention/v1/intervention_pb.js";
import type { InterventionFrame } from "../../gen/intervention/v1/realtime_pb.js";
import { toSentProductJson } from "./sent-product-json.ts";

/** The JSON mapping of an intervention frame with an offset, equal to what `toJson` makes of it at a fraction of its cost: this is done for
 *  each message that reaches a browser. A property test holds the two together. */
export function toInterventionJson(frame: InterventionFrame, offset: number): JsonObject {
  const json: JsonObject = { offset: String(offset) };
  if (frame.interventionId !== "") json.interventionId = frame.interventionId;
  const { content } = frame;
  if (content !== undefined) {
    const inner: JsonObject = {};
    if (content.title !== "") inner.title = content.title;
    if (content.body !== "") inner.body = content.body;
    if (content.imageUrl !== "") inner.imageUrl = content.imageUrl;
    if (content.actions.length > 0)
      inner.actions = content.actions.map((action) => {
        const one: JsonObject = {};
        if (action.id !== "") one.id = action.id;
        if (action.label !== "") one.label = action.label;
        if (action.url !== "") one.url = action.url;
        return one;
      });
    if (content.data !== undefined) inner.data = content.data;
    if (content.productIds.length > 0) inner.productIds = content.productIds;
    if (content.gonePolicy !== GonePolicy.UNSPECIFIED)
      inner.gonePolicy = GonePolicySchema.value[content.gonePolicy]?.name ?? content.gonePolicy;
    if (content.presentation !== undefined) {
      const { kind, placement, viewId } = content.presentation;
      const one: JsonObject = {};
      if (kind !== Presentation_Kind.UNSPECIFIED) one.kind = Presentation_KindSchema.value[kind]?.name ?? kind;
      if (placement !== "") one.placement = placement;
      if (viewId !== "") one.viewId = viewId;
      inner.presentation = one;
    }
    json.content = inner;
  }
  if (frame.campaign !== "") json.campaign = frame.campaign;
  if (frame.acceptTime !== undefined) json.acceptTime = toTimestampJson(frame.acceptTime);
  if (frame.expireTime !== undefined) json.expireTime = toTimestampJson(frame.expireTime);
  if (frame.products.length > 0)
    json.products = frame.products.map((product) => toSentProductJson(product, toTimestampJson));
  return json;
}

/** RFC 3339 with 0, 3, 6 or 9 digits after the point, as the JSON mapping wants it. */
function toTimestampJson(time: Timestamp): string {
  const date = new Date(Number(time.seconds) * 1_000).toISOString();
  if (time.nanos === 0) return date.replace(".000Z", "Z");
  const digits = String(time.nanos)
    .padStart(9, "0")
    .replace(/(000){1,2}$/, "");
  return date.replace(".000Z", `.${digits}Z`);
}
