import { create } from "@bufbuild/protobuf";
import { type RenderedMessage, RenderedMessageSchema, SmsEncoding } from "../../gen/intervention/v1/template_pb.js";
import type { Rendered } from "../domain/template/index.ts";

/** What a template came to, for callers. */
export function toRenderedMessage({ locale, email, sms, push, realtime }: Omit<Rendered, "warnings">): RenderedMessage {
  return create(RenderedMessageSchema, {
    locale,
    ...(email && { email }),
    ...(sms && {
      sms: {
        ...{ text: sms.text, segments: sms.segments, units: sms.units, notInGsm7: [...sms.notInGsm7] },
        encoding: sms.encoding === "ucs_2" ? SmsEncoding.UCS_2 : SmsEncoding.GSM_7,
      },
    }),
    ...(push && { push: { ...push, actions: [...push.actions] } }),
    ...(realtime && { realtime }),
  });
}
