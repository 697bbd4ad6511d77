import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventBatchSchema } from "../../gen/intervention/v1/event_pb.js";
import { withoutUsers } from "./streams.ts";

const stored = (data: Uint8Array) => ({ subject: "track.main.displayed", data, header: () => "" });
const text = (value: string) => stored(new TextEncoder().encode(value));

describe("a message without some users", () => {
  it("has every item of the others, in order and unchanged, and none of theirs", () => {
    const users: fc.Arbitrary<string> = fc.constantFrom("ada", "bob", "cleo", "ad", "adam");
    fc.assert(
      fc.property(fc.array(users, { minLength: 1, maxLength: 30 }), fc.uniqueArray(users), (ofUsers, gone) => {
        const events = ofUsers.map((userId, index) => ({ userId, eventId: `i${index}:displayed` }));
        const data = toBinary(EventBatchSchema, create(EventBatchSchema, { events }));
        const result = withoutUsers("TRACKING", stored(data), new Set(gone));
        const isGone = ({ userId }: { readonly userId: string }) => gone.includes(userId);
        expect(result?.taken.length ?? 0).toBe(events.filter(isGone).length);
        if (result === undefined) return;
        const left = fromBinary(EventBatchSchema, result.rest ?? new Uint8Array()).events;
        expect(left.map(({ userId, eventId }) => ({ userId, eventId }))).toEqual(events.filter((one) => !isGone(one)));
      }),
    );
  });

  it.each([
    ["names the user as a word", `{"user": "ada", "x"`, true],
    ["names him in a path", "\xff /users/ada/cart", true],
    ["names somebody whose id is longer", `{"user": "adam", "x"`, false],
    ["names somebody whose id ends so", `{"user": "granada", "x"`, false],
    ["names nobody", `{"x"`, false],
  ])("is given up whole when it can't be read and %s: %s", (_, body, isGone) => {
    expect(withoutUsers("TRACKING", text(body), new Set(["ada"])) !== undefined).toBe(isGone);
  });

  it("is nobody's when it is a provider's report, whatever its subject ends with", () => {
    const message = { ...stored(new Uint8Array()), subject: "later.report.main.ada" };
    expect(withoutUsers("DELAYED", message, new Set(["ada"]))).toBeUndefined();
    expect(withoutUsers("DELAYED", { ...message, subject: "later.burst.main.c.ada" }, new Set(["ada"]))).toBeDefined();
  });

  it("is given up whole when only its length stands before the id, as in protobuf that is cut off", () => {
    const event = toBinary(
      EventBatchSchema,
      create(EventBatchSchema, { events: [{ userId: "ada", campaign: "zzz" }] }),
    );
    expect(withoutUsers("TRACKING", stored(event.subarray(0, -1)), new Set(["ada"]))).toBeDefined();
  });
});
