import { fromBinary, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type ClientFrame, ClientFrameSchema, type Track, TrackSchema } from "../../gen/intervention/v1/realtime_pb.js";
import type { FrameFormat } from "./credentials.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
/** Fields of newer clients are no fault. */
const READ = { ignoreUnknownFields: true };

/** A frame, or why it is none. */
export type ParsedFrame =
  | { readonly kind: "frame"; readonly frame: ClientFrame }
  | { readonly kind: "bad"; readonly message: string };

/** Parses what a client sent. The message of a bad one is for the client's developer and repeats nothing of what came. */
export function parseClientFrame(data: Uint8Array, format: FrameFormat): ParsedFrame {
  try {
    const frame =
      format === "proto" ? fromBinary(ClientFrameSchema, data) : fromJson(ClientFrameSchema, parseJson(data), READ);
    if (frame.frame.case === undefined)
      return { kind: "bad", message: "the frame is empty: one of hello, track, refreshToken, pong" };
    return { kind: "frame", frame };
  } catch {
    return { kind: "bad", message: `the frame is no ClientFrame in ${format === "proto" ? "protobuf" : "JSON"}` };
  }
}

/** Parses the body of `POST /v1/track`: a Track as JSON. */
export function parseTrackBody(data: Uint8Array): Track | undefined {
  try {
    return fromJson(TrackSchema, parseJson(data), READ);
  } catch {
    // What it is instead is the caller's affair; he is told that it is none.
    return undefined;
  }
}

function parseJson(data: Uint8Array): JsonValue {
  return JSON.parse(decoder.decode(data));
}
