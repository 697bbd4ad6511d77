import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSameHash, parseApiKey, toApiKey, toKeyPrefix } from "./api-key.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe("an API key", () => {
  it("is found by the prefix that it was made with, and known by the hash of all of it", () => {
    fc.assert(
      fc.property(bytes(12), bytes(32), (forPrefix, forSecret) => {
        const prefix = toKeyPrefix(forPrefix);
        const key = toApiKey(prefix, forSecret);
        expect(parseApiKey(key)).toEqual({ prefix, hash: createHash("sha256").update(key).digest("hex") });
      }),
    );
  });

  it("of an earlier version is found by the beginning of its hash", () => {
    fc.assert(
      fc.property(bytes(32), (random) => {
        const { prefix, hash } = parseApiKey(`iek_${Buffer.from(random).toString("base64url")}`);
        expect(hash.slice(0, 12)).toBe(prefix);
      }),
    );
  });

  it("is the same as itself only", () => {
    const [one, other] = [parseApiKey("iek_one").hash, parseApiKey("iek_other").hash];
    expect([isSameHash(one, one), isSameHash(one, other)]).toEqual([true, false]);
  });
});
