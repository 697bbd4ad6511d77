import {
  type DescMessage,
  fromBinary,
  fromJsonString,
  type JsonValue,
  type MessageShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { z } from "zod";
import {
  DeliveryBatchSchema,
  DeliveryMessageSchema,
  InterventionBatchSchema,
  InterventionMessageSchema,
  RealtimeMessageSchema,
  ShopEventBatchSchema,
} from "../../gen/intervention/v1/bus_pb.js";
import { EventBatchSchema, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { PredictionSchema, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { packItems, type StreamName, type Subjects, toSubjectToken } from "../bus/index.ts";
import { type CloudEvent, findCloudEvent, parseCloudEvent } from "../integrations/cloud-event.ts";

/** What a message says of whom. */
export type Item = { readonly userId: string; readonly json: JsonValue; readonly body: Uint8Array };
/** A message as the registry looks at it. */
export type Stored = { readonly subject: string; readonly data: Uint8Array; readonly header: (name: string) => string };

/** How a stream knows users. */
export type PersonalStream = {
  /** Which of its messages may be about a user. */
  readonly filter: (subjects: Subjects, whose: { readonly workspace: string; readonly userToken: string }) => string;
  /** The items of a message.
   *  @throws when it can't be read. */
  readonly read: (message: Stored) => readonly Item[];
  /** A user has a subject of his own: all of it is purged at once. */
  readonly isOwnSubject?: boolean;
};

/** A stream whose messages have `repeated … = 1`, each of one user. */
function packed<Batch extends DescMessage, One extends DescMessage>(options: {
  readonly filter: PersonalStream["filter"];
  readonly batch: Batch;
  readonly one: One;
  readonly itemsOf: (batch: MessageShape<Batch>) => readonly MessageShape<One>[];
  readonly userOf: (one: MessageShape<One>) => string;
}): PersonalStream {
  const { filter, batch, one, itemsOf, userOf } = options;
  return {
    filter,
    read: ({ data }) =>
      itemsOf(fromBinary(batch, data)).map((item) => ({
        userId: userOf(item),
        json: toJson(one, item),
        body: toBinary(one, item),
      })),
  };
}

/** A stream whose messages are about one user each. */
const single = (options: {
  readonly filter: PersonalStream["filter"];
  readonly read: (message: Stored) => Omit<Item, "body">;
}): PersonalStream => ({
  filter: options.filter,
  read: (message) => [{ ...options.read(message), body: message.data }],
});

const interventions = {
  batch: InterventionBatchSchema,
  one: InterventionMessageSchema,
  itemsOf: ({ interventions: items }: MessageShape<typeof InterventionBatchSchema>) => items,
  userOf: ({ recipient }: MessageShape<typeof InterventionMessageSchema>) => recipient?.userId ?? "",
};
/** Either spelling of protobuf's JSON. */
const namedData = z.object({ userId: z.string().optional(), user_id: z.string().optional() });
const cloudEvent = z.object({ data: z.unknown() });

/** All of a workspace's subjects under one of ours. */
const within = (all: string, workspace: string) => all.replace(/>$/, `${workspace}.>`);

const scheduled = packed({ ...interventions, filter: (s) => s.all.later });

const deliveries = packed({
  filter: (s, { workspace }) => s.all.dispatch.replace(/>$/, `*.*.${workspace}`),
  batch: DeliveryBatchSchema,
  one: DeliveryMessageSchema,
  itemsOf: ({ deliveries: items }) => items,
  userOf: ({ intervention }) => intervention?.recipient?.userId ?? "",
});

const shopEvents = packed({
  filter: (s, { workspace }) => s.shopEvents(workspace),
  batch: ShopEventBatchSchema,
  one: ShopEventSchema,
  itemsOf: ({ events }) => events,
  userOf: ({ userId }) => userId,
});

/** A CloudEvent about a user, whether or not it is one that the engine takes in.
 *  @param absent what `null` stands for. Default: it can't be read. */
function toSaid(schema: DescMessage, event: CloudEvent, absent: JsonValue = null): Omit<Item, "body"> {
  const json = event.dataContentType.includes("protobuf")
    ? toJson(schema, fromBinary(schema, event.data))
    : (JSON.parse(new TextDecoder().decode(event.data)) as JsonValue);
  const named = namedData.parse(json ?? absent);
  return { json, userId: named.userId ?? named.user_id ?? event.subject ?? "" };
}

/** Every stream but the dead letters, which hold messages of the others. */
const LIVE_STREAMS: Readonly<Record<Exclude<StreamName, "DEAD">, PersonalStream>> = {
  INTERVENTIONS: packed({ ...interventions, filter: (s, { workspace }) => within(s.all.interventions, workspace) }),
  DISPATCH: deliveries,
  DELAYED: {
    filter: (s, { workspace }) => s.all.later.replace(/>$/, `*.${workspace}.>`),
    // Interventions are known by what is in them; anything else that is scheduled has its user's token last in its subject.
    read: (message) =>
      /(^|\.)later\.(set|due)\./.test(message.subject)
        ? scheduled.read(message)
        : /(^|\.)later\.(resend|send)\./.test(message.subject)
          ? deliveries.read(message)
          : // Of a message by its provider's name for it, and of nobody.
            /(^|\.)later\.(report|reported)\./.test(message.subject)
            ? []
            : [
                {
                  userId: toUserId(message.subject),
                  json: Buffer.from(message.data).toString("base64"),
                  body: message.data,
                },
              ],
  },
  TRACKING: packed({
    filter: (s, { workspace }) => within(s.all.track, workspace),
    batch: EventBatchSchema,
    one: EventSchema,
    itemsOf: ({ events }) => events,
    userOf: ({ userId }) => userId,
  }),
  REALTIME: {
    isOwnSubject: true,
    ...single({
      filter: (s, { workspace, userToken }) => s.realtime(workspace, userToken),
      read: ({ data, subject }) => ({
        userId: toUserId(subject),
        json: toJson(RealtimeMessageSchema, fromBinary(RealtimeMessageSchema, data)),
      }),
    }),
  },
  PREDICTIONS: single({
    filter: (s, { workspace }) => s.predictions(workspace),
    read: ({ data, header }) =>
      toSaid(
        PredictionSchema,
        parseCloudEvent((name) => header(name) || undefined, data),
      ),
  }),
  EVENTS: {
    filter: (s, { workspace }) => s.shopEvents(workspace),
    // The engine's own batches share a message; whatever else comes is one CloudEvent.
    read: (message) => {
      const event = findCloudEvent((name) => message.header(name) || undefined, message.data);
      return event === undefined
        ? shopEvents.read(message)
        : [{ ...toSaid(ShopEventSchema, event, {}), body: message.data }];
    },
  },
  EVENTS_OUT: single({
    filter: (s, { workspace }) => within(s.all.eventsOut, workspace),
    read: ({ data }) => {
      const json = JSON.parse(new TextDecoder().decode(data)) as JsonValue;
      return { json, userId: fromJsonString(EventSchema, JSON.stringify(cloudEvent.parse(json).data)).userId };
    },
  }),
};

/** Every stream. */
export const STREAMS: Readonly<Record<StreamName, PersonalStream>> = {
  ...LIVE_STREAMS,
  DEAD: {
    filter: (s, { workspace }) => within(s.all.dead, workspace),
    read: (message) => {
      const source = message.header("Dead-Stream");
      if (!isLive(source)) throw new Error(`a letter from an unknown stream: ${source}`);
      return LIVE_STREAMS[source].read({ ...message, subject: message.header("Dead-Subject") });
    },
  },
};

const isLive = (name: string): name is keyof typeof LIVE_STREAMS => name in LIVE_STREAMS;

/** The id that a subject's last token stands for. */
function toUserId(subject: string): string {
  const token = subject.split(".").at(-1) ?? "";
  return token.startsWith("~") ? Buffer.from(token.slice(1), "base64url").toString("utf8") : token;
}

/** What is left of a message without these users.
 *  @returns undefined when it says nothing of them; `rest` is absent when nothing else is in it. */
export function withoutUsers(
  stream: StreamName,
  message: Stored,
  userIds: ReadonlySet<string>,
): { readonly taken: readonly Item[]; readonly rest?: Uint8Array } | undefined {
  let items: readonly Item[];
  try {
    items = STREAMS[stream].read(message);
  } catch {
    return withoutUnreadable(message, userIds);
  }
  const taken = items.filter(({ userId }) => userIds.has(userId));
  if (taken.length === 0) return undefined;
  const rest = items.filter(({ userId }) => !userIds.has(userId));
  return rest.length === 0 ? { taken } : { taken, rest: packItems(rest.map(({ body }) => body)) };
}

/** What can't be read may be about anybody whose id is in it: it goes whole, rather than that something stays. */
function withoutUnreadable({ data, subject }: Stored, userIds: ReadonlySet<string>) {
  const bytes = Buffer.from(data);
  const found = [...userIds].find((id) => isNamed(bytes, id) || subject.split(".").includes(toSubjectToken(id)));
  return found === undefined ? undefined : { taken: [{ userId: found, json: bytes.toString("base64"), body: data }] };
}

/** Whether an id stands in bytes by itself: after its own length, as in protobuf, or as a word. */
function isNamed(bytes: Buffer, id: string): boolean {
  const wanted = Buffer.from(id, "utf8");
  const isWordByte = (byte: number | undefined) =>
    byte !== undefined && (byte >= 0x80 || /[A-Za-z0-9]/.test(String.fromCharCode(byte)));
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
    if (bytes[at - 1] === wanted.length) return true;
    if (!isWordByte(bytes[at - 1]) && !isWordByte(bytes[at + wanted.length])) return true;
  }
  return false;
}
