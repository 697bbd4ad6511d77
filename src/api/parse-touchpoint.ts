import { create } from "@bufbuild/protobuf";
import { timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import type { Touchpoint } from "../../gen/intervention/v1/tracking_service_pb.js";
import { toOrderKey } from "../store/index.ts";
import { checked, parseFields, show, text, timestamp, withoutControlCharacters } from "./field-checks.ts";

const NAMES = {
  [EventKind.DELIVERED]: "delivered",
  [EventKind.DISPLAYED]: "displayed",
  [EventKind.CLICKED]: "clicked",
  [EventKind.DISMISSED]: "dismissed",
  [EventKind.CONVERTED]: "converted",
  [EventKind.REFUNDED]: "refunded",
} as const;
type Kind = keyof typeof NAMES;
const isKind = (kind: EventKind): kind is Kind => Object.hasOwn(NAMES, kind);
const isMoney = (kind: EventKind) => kind === EventKind.CONVERTED || kind === EventKind.REFUNDED;

/** A device's offline queue may be so old, and its clock so fast. */
const OLD_MS_MAX = 30 * 86_400_000;
const AHEAD_MS_MAX = 5 * 60_000;
const INTERVENTION_ID = /^[a-z2-7]{26}$/;
const CURRENCY = /^[A-Z]{3}$/;

const label = (min: number, max: number) => checked(text({ min, max }), withoutControlCharacters);

/** @param now by which what is too old or too far ahead is told. */
const schemaAt = (now: Date) =>
  z
    .object({
      kind: z.custom<Kind>((kind) => typeof kind === "number" && isKind(kind), {
        error: `it is none of ${Object.values(NAMES).join(", ")}`,
      }),
      interventionId: z.string(),
      userId: label(0, 128),
      id: label(0, 64),
      actionId: label(0, 64),
      orderId: label(0, 128),
      occurTime: checked<NonNullable<Touchpoint["occurTime"]>>(timestamp, (at) =>
        timestampMs(at) > now.getTime() + AHEAD_MS_MAX
          ? "it is more than 5 minutes ahead"
          : timestampMs(at) < now.getTime() - OLD_MS_MAX
            ? "it is more than 30 days ago"
            : undefined,
      ).optional(),
      value: z.custom<NonNullable<Touchpoint["value"]>>().optional(),
    })
    .superRefine((given, context) => {
      const say = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
      const { kind, id, interventionId, orderId, userId, value } = given;
      if (isMoney(kind)) {
        if (orderId === "") say("orderId", "it is missing: which order");
        if (userId === "" && kind === EventKind.CONVERTED) say("userId", "it is missing: who bought");
        if (value === undefined || value.minor <= 0n) say("value", "it is missing, or not more than 0");
        else if (value.minor > BigInt(Number.MAX_SAFE_INTEGER)) say("value", "it is more than 9007199254740991");
        if (value !== undefined && !CURRENCY.test(value.currency))
          say("value.currency", `${show(value.currency)} is no ISO 4217 code`);
        if (interventionId !== "") say("interventionId", "an order is credited by what its user saw: leave it empty");
      } else if (!INTERVENTION_ID.test(interventionId))
        say("interventionId", `${show(interventionId)} is no intervention's id`);
      if ((kind === EventKind.CLICKED || kind === EventKind.REFUNDED) && id === "")
        say("id", "it is missing: it tells this one from others");
    });

/** Makes what a service reports an event.
 *  @throws InvalidInput naming every bad field. */
export function parseTouchpoint(given: Touchpoint, workspaceId: string, now: Date): Event {
  const { kind, interventionId, id, orderId, value, occurTime, ...rest } = parseFields(schemaAt(now), given);
  const receiveTime = timestampFromDate(now);
  const once = isMoney(kind) ? toOrderKey(workspaceId, orderId) : `${interventionId}:${NAMES[kind]}`;
  return create(EventSchema, {
    eventId: id === "" || kind === EventKind.CONVERTED ? once : `${once}:${id}`,
    ...{ kind, interventionId, orderId, workspace: workspaceId, receiveTime, occurTime: occurTime ?? receiveTime },
    userId: rest.userId,
    actionId: kind === EventKind.CLICKED ? rest.actionId : "",
    ...(value === undefined ? {} : { valueMinor: value.minor, currency: value.currency }),
  });
}
