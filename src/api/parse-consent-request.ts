import { randomUUID } from "node:crypto";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import type { RequestConsentRequest } from "../../gen/intervention/v1/consent_request_pb.js";
import { type ContactChannel, ContactChannelSchema } from "../../gen/intervention/v1/profile_pb.js";
import { fromContactChannel } from "../domain/delivery/channel-names.ts";
import { findBestAddress } from "../domain/delivery/choose-address.ts";
import { InvalidInput } from "../domain/errors.ts";
import { fromRegistersText } from "../domain/profile/registers.ts";
import { toAddresses } from "../domain/profile/to-profile.ts";
import { type ConsentRequestDocument, consentId, type ProfileDocument } from "../store/index.ts";
import {
  checked,
  durationBetween,
  locale,
  orEmpty,
  parseFields,
  show,
  text,
  withoutControlCharacters,
} from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";
import { templateUseSchema } from "./template-use.ts";

const TTL = { minS: 3_600, maxS: 30 * 86_400, allowed: "1 h to 30 days" };
const TTL_MS = 7 * 86_400_000;

const schema = z.object({
  userId: checked(...USER_ID),
  channel: checked<ContactChannel>((channel) =>
    fromContactChannel(channel) === undefined
      ? `${ContactChannelSchema.value[channel]?.name ?? channel} is not one of CONTACT_CHANNEL_EMAIL, CONTACT_CHANNEL_SMS, CONTACT_CHANNEL_PUSH`
      : undefined,
  ),
  address: z.string(),
  source: checked(text({ min: 1, max: 128 }), withoutControlCharacters),
  textVersion: checked(text({ min: 1, max: 128 }), withoutControlCharacters),
  ttl: checked(durationBetween(TTL)).optional(),
  locale: checked(orEmpty(locale)),
  template: templateUseSchema.optional(),
  requestId: checked(text({ max: 128 }), withoutControlCharacters),
});
type Fields = z.output<typeof schema>;

/** @throws InvalidInput naming every bad field. */
export const parseConsentRequest = (request: RequestConsentRequest): Fields => parseFields(schema, request);

/** A request with its defaults, to an address that the user has.
 *  @throws InvalidInput when he has none on the channel, or not the one that is named. */
export function toConsentRequest(
  { workspaceId, registers, locale: own }: ProfileDocument,
  fields: Fields,
  now: Date,
): ConsentRequestDocument {
  const { userId, source, textVersion, ttl } = fields;
  const addresses = toAddresses(fromRegistersText(registers)).filter(({ channel }) => channel === fields.channel);
  const named = addresses.filter(({ address }) => address === fields.address);
  const address = findBestAddress(fields.address === "" ? addresses : named, fields.channel)?.address;
  const channel = fromContactChannel(fields.channel);
  if (address === undefined || channel === undefined || channel === "webhook") {
    const has = fields.address === "" ? "no address" : `no such address as ${show(fields.address)}`;
    throw new InvalidInput([{ field: "address", description: `the profile has ${has} on this channel` }]);
  }
  const requestId = fields.requestId || randomUUID();
  return {
    _id: consentId({ workspaceId, userId, requestId }),
    ...{ workspaceId, userId, requestId, channel, address, source, textVersion },
    ...{ locale: fields.locale || own, requestedAt: now },
    expiresAt: new Date(now.getTime() + (ttl === undefined ? TTL_MS : durationMs(ttl))),
  };
}
