import { validatePhoneNumberLength } from "libphonenumber-js/min";
import { z } from "zod";
import { ContactChannel, ContactChannelSchema } from "../../gen/intervention/v1/profile_pb.js";
import { type Check, checked, show, text, withoutControlCharacters } from "./field-checks.ts";

/** A browser's subscription is a URL and two keys as JSON; a device's token is shorter. */
const TOKEN_CHARACTERS_MAX = 2_048;

/** What comes close enough to RFC 5321 to be worth trying: one @, something before it, a domain after it, 254 characters. */
export const email: Check<string> = (value) =>
  value.length <= 254 && /^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/.test(value)
    ? undefined
    : `${show(value)} is not an email address`;

/** E.164. */
export const phone: Check<string> = (value) =>
  /^\+[1-9]\d{6,14}$/.test(value) ? undefined : `${show(value)} is not an E.164 number such as "+4930123456"`;

const deviceToken: Check<string> = (value) =>
  text({ min: 1, max: TOKEN_CHARACTERS_MAX })(value) ?? withoutControlCharacters(value);

const ADDRESS_CHECKS: Partial<Record<ContactChannel, Check<string>>> = {
  [ContactChannel.EMAIL]: email,
  [ContactChannel.SMS]: phone,
  [ContactChannel.PUSH]: deviceToken,
};

/** An address of a user: on which channel, and of the form that this takes. */
export const addressSchema = z
  .object({
    channel: checked<ContactChannel>((channel) =>
      ADDRESS_CHECKS[channel] === undefined
        ? `${ContactChannelSchema.value[channel]?.name ?? channel} is not one of CONTACT_CHANNEL_EMAIL, CONTACT_CHANNEL_SMS, CONTACT_CHANNEL_PUSH`
        : undefined,
    ),
    address: z.string(),
  })
  .superRefine(({ channel, address }, context) => {
    const problem = ADDRESS_CHECKS[channel]?.(address);
    if (problem !== undefined) context.addIssue({ code: "custom", path: ["address"], message: problem });
  });

const LENGTHS: Readonly<Record<string, string>> = {
  TOO_SHORT: "is too short for a number of its country",
  TOO_LONG: "is too long for a number of its country",
  INVALID_LENGTH: "is as long as no number of its country",
  INVALID_COUNTRY: "begins with the code of no country",
};

/** Whether something can be sent there: a number has a length that its country's plan has room for. Whether it is in use is not asked, as
 *  plans change more often than this is updated. */
function checkReachable({ channel, address }: z.output<typeof addressSchema>, context: z.RefinementCtx): void {
  if (channel !== ContactChannel.SMS) return;
  const length = validatePhoneNumberLength(address);
  if (length === undefined) return;
  const message = `${show(address)} ${LENGTHS[length] ?? "is no phone number"}`;
  context.addIssue({ code: "custom", path: ["address"], message });
}

/** An address of a profile. What was let in by laxer rules must be able to go. */
export const profileAddressSchema = addressSchema.extend({ removed: z.boolean() }).superRefine((one, context) => {
  if (!one.removed) checkReachable(one, context);
});

/** Those that a request names itself: at most one a channel, since one message goes to one address. */
export const recipientAddressesSchema = z
  .array(addressSchema.superRefine(checkReachable))
  .superRefine((addresses, context) => {
    for (const [index, { channel }] of addresses.entries())
      if (addresses.findIndex((one) => one.channel === channel) < index)
        context.addIssue({
          code: "custom",
          path: [index, "channel"],
          message: `${ContactChannelSchema.value[channel]?.name ?? channel} has an address already; one a channel is allowed`,
        });
  });
