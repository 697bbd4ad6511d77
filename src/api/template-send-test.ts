import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type Channel,
  ContentSchema,
  PolicySchema,
  Priority,
  RecipientSchema,
} from "../../gen/intervention/v1/intervention_pb.js";
import { AddressSchema, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import type { RenderedMessage } from "../../gen/intervention/v1/template_pb.js";
import type { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import type { Acceptor } from "../accept/acceptor.ts";
import { toBodyHash } from "../accept/to-body-hash.ts";
import { fromChannelName, toContactChannel } from "../domain/delivery/channel-names.ts";
import { InvalidInput } from "../domain/errors.ts";
import type { AddressOf } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { parseFields } from "./field-checks.ts";
import { getTraceparent } from "./interceptors.ts";
import { toInterventionName } from "./resource-name.ts";
import { addressFields } from "./suppression-service.ts";
import type { TemplateKeeper } from "./template-keeper.ts";
import { parseTemplateName } from "./template-name.ts";
import { preview, type TemplatePreviewParts } from "./template-preview.ts";

/** What tests are sent with. */
export type SendTestParts = TemplatePreviewParts & { readonly acceptor: Acceptor };

/** Marks tests in all that is told of them. */
const CAMPAIGN = "template-test";
/** Nobody's: what is sent to it counts for no shopper's caps. */
const USER_ID = "template-test";

/** Sends what a template comes to, to one address, by the way that every message goes. */
export function sendTestMethod(
  parts: SendTestParts,
  keeper: TemplateKeeper,
): Pick<ServiceImpl<typeof TemplateService>, "sendTest"> {
  return {
    async sendTest(request, context) {
      const { workspace } = getService(context.values);
      parseTemplateName(request.name, workspace.id);
      const address = parseFields(addressFields, request);
      const { message, warnings } = await preview(parts, { keeper, workspace }, request);
      const { email, sms, push } = message;
      if ({ email, sms, push, webhook: undefined }[address.channel] === undefined) {
        const description = `the template has no part for ${address.channel} in this language`;
        throw new InvalidInput([{ field: "channel", description }]);
      }
      const trigger = toTrigger(fromChannelName(address.channel), address, message);
      const [result] = await parts.acceptor.accept(workspace, [trigger], getTraceparent(context.values));
      if (result === undefined || result.kind === "failed") throw result?.error;
      return { intervention: toInterventionName(workspace.id, result.interventionId), warnings };
    },
  };
}

function toTrigger(channel: Channel, { address }: AddressOf, rendered: RenderedMessage) {
  const parsed = {
    idempotencyKey: `${CAMPAIGN}/${randomUUID()}`,
    recipient: create(RecipientSchema, {
      userId: USER_ID,
      addresses: [create(AddressSchema, { channel: toContactChannel(channel), address })],
    }),
    content: create(ContentSchema),
    rendered,
    campaign: CAMPAIGN,
    priority: Priority.HIGH,
    policy: create(PolicySchema, { channels: [channel], purpose: Purpose.SERVICE }),
    expiration: { kind: "after", ttlMs: 3_600_000 } as const,
  };
  return { ...parsed, bodyHash: toBodyHash(parsed) };
}
