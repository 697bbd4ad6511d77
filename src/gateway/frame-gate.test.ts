import { describe, expect, it } from "vitest";
import { FrameGate } from "./frame-gate.ts";

const bytes = (frame: unknown) => new TextEncoder().encode(JSON.stringify(frame));
const pong = bytes({ pong: {} });
const bad = bytes({ nonsense: true });

describe("a client's frames", () => {
  it("are let through when they can be read", () => {
    expect(new FrameGate("json", 0).judge(pong, 0)).toMatchObject({ kind: "frame", frame: { case: "pong" } });
  });

  it("close the connection when three in a row can't be read, and not when a good one lies between", () => {
    const gate = new FrameGate("json", 0);
    const kinds = [bad, bad, pong, bad, bad, bad].map((frame) => gate.judge(frame, 0));
    expect(kinds.map(({ kind }) => kind)).toEqual(["fault", "fault", "frame", "fault", "fault", "close"]);
    expect(kinds.at(-1)).toEqual({ kind: "close", reason: "bad_frames" });
  });

  it("are refused beyond the rate with the events that must come again, and taken when there is room", () => {
    const gate = new FrameGate("json", 0);
    const track = bytes({ track: { events: [{ ref: "r1" }, { ref: "r2" }] } });
    for (let i = 0; i < 200; i += 1) expect(gate.judge(pong, 0).kind).toBe("frame");
    expect(gate.judge(track, 0)).toMatchObject({ kind: "fault", reason: "RATE_LIMITED", refs: ["r1", "r2"] });
    expect(gate.judge(track, 1_000).kind).toBe("frame");
  });

  it("close the connection when they go on and on beyond the rate", () => {
    const gate = new FrameGate("json", 0);
    for (let i = 0; i < 400; i += 1) expect(gate.judge(pong, 0).kind).not.toBe("close");
    expect(gate.judge(pong, 0)).toEqual({ kind: "close", reason: "too_many_frames" });
  });
});
