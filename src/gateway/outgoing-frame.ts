import { create, fromBinary, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type RealtimeMessage, RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { type ServerFrame, ServerFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import type { FrameFormat } from "./credentials.ts";
import { toInterventionJson } from "./intervention-json.ts";

/** A frame for a client, encoded at most once in each format however many sockets it goes to. */
export type OutgoingFrame = {
  readonly kind: string;
  /** Its place in the history, if it has one. */
  readonly offset?: number;
  /** Of a welcome: the history that offsets count in. */
  readonly epoch?: string;
  readonly encode: (format: FrameFormat) => Uint8Array;
};

const text = new TextEncoder();

/** A frame of the gateway's own. */
export function toFrame(frame: MessageInitShape<typeof ServerFrameSchema>["frame"]): OutgoingFrame {
  const message: ServerFrame = create(ServerFrameSchema, frame === undefined ? {} : { frame });
  const place =
    message.frame.case === "welcome"
      ? { offset: Number(message.frame.value.offset), epoch: message.frame.value.epoch }
      : {};
  const encode = once((format) =>
    format === "proto" ? toBinary(ServerFrameSchema, message) : text.encode(toJsonString(ServerFrameSchema, message)),
  );
  return { kind: message.frame.case ?? "none", ...place, encode };
}

/** Field numbers in RealtimeMessage, and of the same messages in ServerFrame. */
const SERVER_FIELDS = new Map([
  [1, 2],
  [2, 3],
  [3, 6],
]);
const OFFSET_FIELD = 1;

/** A message of a user's history. */
export class HistoryFrame implements OutgoingFrame {
  readonly offset: number;
  readonly kind: string;
  readonly message: RealtimeMessage["message"];
  readonly encode: (format: FrameFormat) => Uint8Array;

  /** @param data a RealtimeMessage, as it is on the stream.
   *  @throws Error when it is none, or one that we don't know. */
  constructor(data: Uint8Array, offset: number) {
    const { message } = fromBinary(RealtimeMessageSchema, data);
    if (message.case === undefined)
      throw new Error(`message ${offset} of REALTIME holds nothing that this gateway knows`);
    this.offset = offset;
    this.kind = message.case;
    this.message = message;
    this.encode = once((format) =>
      format === "proto" ? spliceOffset(data, offset) : text.encode(toJsonText(message, offset)),
    );
  }
}

function toJsonText(message: RealtimeMessage["message"], offset: number): string {
  switch (message.case) {
    case "intervention":
      return JSON.stringify({ intervention: toInterventionJson(message.value, offset) });
    case "revoke":
    case "inboxChanged":
      return JSON.stringify({
        [message.case]: { offset: String(offset), interventionId: message.value.interventionId || undefined },
      });
    default:
      throw new Error(`message ${offset} of REALTIME is empty`);
  }
}

/** Makes a ServerFrame of a RealtimeMessage without encoding it anew: the inner message stays as it is, and the offset, which
 *  is 0 on the stream and therefore not there, is put before it. */
function spliceOffset(data: Uint8Array, offset: number): Uint8Array {
  const reader = new BinaryReader(data);
  const frame = new BinaryWriter();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const serverField = SERVER_FIELDS.get(field);
    if (serverField === undefined) reader.skip(wireType, field);
    else
      frame
        .tag(serverField, WireType.LengthDelimited)
        .bytes(new BinaryWriter().tag(OFFSET_FIELD, WireType.Varint).uint64(offset).raw(reader.bytes()).finish());
  }
  return frame.finish();
}

function once(encode: (format: FrameFormat) => Uint8Array): (format: FrameFormat) => Uint8Array {
  let json: Uint8Array | undefined;
  let proto: Uint8Array | undefined;
  return (format) => {
    if (format === "json") {
      json ??= encode("json");
      return json;
    }
    proto ??= encode("proto");
    return proto;
  };
}
