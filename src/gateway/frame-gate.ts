import type { ClientFrame } from "../../gen/intervention/v1/realtime_pb.js";
import type { FrameFormat } from "./credentials.ts";
import { parseClientFrame } from "./incoming-frame.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What is done about a frame that came. */
export type FrameVerdict =
  | { readonly kind: "frame"; readonly frame: ClientFrame["frame"] }
  | {
      readonly kind: "fault";
      readonly reason: "BAD_FRAME" | "RATE_LIMITED";
      readonly message: string;
      /** Events that the client should send again. */
      readonly refs: readonly string[];
    }
  | { readonly kind: "close"; readonly reason: "bad_frames" | "too_many_frames" };

const LIMITS = { burst: 200, perSecond: 100 };
/** A client that has sent so many bad frames in a row does not speak our language. */
const BAD_FRAMES_MAX = 3;
/** So many refused in a row, and a client is not merely in a hurry. */
const REFUSED_FRAMES_MAX = 200;

/** Lets one client's frames through: those that can be read, and not too many. */
export class FrameGate {
  readonly #format: FrameFormat;
  readonly #bucket: TokenBucket;
  #bad = 0;
  #refused = 0;

  constructor(format: FrameFormat, nowMs: number) {
    this.#format = format;
    this.#bucket = new TokenBucket(LIMITS, nowMs);
  }

  judge(data: Uint8Array, nowMs: number): FrameVerdict {
    const isWithinLimits = this.#bucket.take(LIMITS, nowMs);
    if (!isWithinLimits && this.#refused === REFUSED_FRAMES_MAX) return { kind: "close", reason: "too_many_frames" };
    const parsed = parseClientFrame(data, this.#format);
    if (!isWithinLimits) {
      this.#refused += 1;
      const refs = parsed.kind === "frame" ? refsOf(parsed.frame.frame) : [];
      return { kind: "fault", reason: "RATE_LIMITED", message: `more than ${LIMITS.perSecond} frames a second`, refs };
    }
    this.#refused = 0;
    if (parsed.kind === "bad") return this.refuse(parsed.message);
    this.#bad = 0;
    return { kind: "frame", frame: parsed.frame.frame };
  }

  /** Counts a frame that could be read but makes no sense where it came. */
  refuse(message: string): FrameVerdict {
    this.#bad += 1;
    if (this.#bad >= BAD_FRAMES_MAX) return { kind: "close", reason: "bad_frames" };
    return { kind: "fault", reason: "BAD_FRAME", message, refs: [] };
  }
}

function refsOf(frame: ClientFrame["frame"]): string[] {
  return frame.case === "track" ? frame.value.events.map(({ ref }) => ref) : [];
}
