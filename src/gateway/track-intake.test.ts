import { create } from "@bufbuild/protobuf";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import { ClientEventSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { Unavailable } from "../domain/errors.ts";
import type { UserCaller } from "../integrations/access-directory.ts";
import { TrackIntake } from "./track-intake.ts";

const user: UserCaller = {
  kind: "user",
  workspace: { id: "shop", idSecret: new Uint8Array(), createdAt: new Date(0) },
  userId: "ann",
  tokenExpiresAt: new Date(0),
};
const displayed = (ref: string) =>
  create(ClientEventSchema, { ref, kind: EventKind.DISPLAYED, interventionId: `iv${ref}` });
const intake = (publish: () => Promise<void>) =>
  new TrackIntake({ events: { publish }, log: pino({ level: "silent" }), now: () => new Date(0) });

describe("reported events", () => {
  it("are answered only when they are on disk", async () => {
    const disk = Promise.withResolvers<void>();
    let isAnswered = false;
    const answer = intake(() => disk.promise).take([displayed("1")], user);
    void answer.then(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    disk.resolve();
    expect(await answer).toEqual({ tracked: ["1"], faults: [] });
  });

  it("are to be sent again when the bus does not take them, and only those that could be taken", async () => {
    const unstored = intake(() => Promise.reject(new Unavailable("bus")));
    const bad = create(ClientEventSchema, { ref: "2" });
    expect(await unstored.take([displayed("1"), bad], user)).toMatchObject({
      tracked: [],
      faults: [
        { reason: "BAD_EVENT", refs: ["2"] },
        { reason: "UNAVAILABLE", refs: ["1"] },
      ],
    });
  });

  it("are refused for now when too many wait for the disk, and taken when there is room", async () => {
    const disk = Promise.withResolvers<void>();
    const full = intake(() => disk.promise);
    const hundred = Array.from({ length: 100 }, (_, i) => displayed(String(i)));
    const waiting = Array.from({ length: 200 }, () => full.take(hundred, user));
    expect(await full.take([displayed("x")], user)).toMatchObject({
      faults: [{ reason: "RATE_LIMITED", refs: ["x"] }],
    });
    disk.resolve();
    await Promise.all(waiting);
    expect(await full.take([displayed("x")], user)).toMatchObject({ tracked: ["x"] });
  });
});
