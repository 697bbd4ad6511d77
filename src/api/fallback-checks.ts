import type { Duration } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  Channel,
  ChannelSchema,
  type Fallback,
  type Success,
  SuccessSchema,
} from "../../gen/intervention/v1/intervention_pb.js";
import { checked, durationBetween, memberOf } from "./field-checks.ts";

const FALLBACKS_MAX = 4;
const FROM_SECOND_TO_WEEK = { minS: 1, maxS: 7 * 86_400, allowed: "1 s to 7 days" };

const fallbackSchema = z.object({
  after: z
    .custom<Duration>((value) => value !== undefined, { error: "it is missing; it says how long is waited" })
    .pipe(checked(durationBetween(FROM_SECOND_TO_WEEK))),
  unless: checked<Success>(memberOf(SuccessSchema, { allowUnspecified: false })),
  channel: checked<Channel>(memberOf(ChannelSchema, { allowUnspecified: false }), (channel) =>
    // Who has no socket at first has one at best by chance later, and what was shown is not shown again.
    channel === Channel.REALTIME ? "CHANNEL_REALTIME is no fallback; name it among the policy's channels" : undefined,
  ),
});

/** The fallbacks of a policy. */
export const fallbacksSchema = checked<(Pick<Fallback, "unless" | "channel"> & { after: Duration })[]>((fallbacks) =>
  fallbacks.length > FALLBACKS_MAX ? `there are ${fallbacks.length}; up to ${FALLBACKS_MAX} are allowed` : undefined,
)
  .pipe(z.array(fallbackSchema))
  .superRefine((fallbacks, context) => {
    const channels = fallbacks.map(({ channel }) => channel);
    for (const [index, channel] of channels.entries())
      if (channels.indexOf(channel) < index)
        context.addIssue({
          code: "custom",
          path: [index, "channel"],
          message: `${ChannelSchema.value[channel]?.name ?? channel} is named twice`,
        });
  });
