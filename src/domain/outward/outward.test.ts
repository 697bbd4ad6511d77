import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { parseRetryAfterMs, toBackoffMs } from "./backoff.ts";
import { isPublicAddress } from "./is-public-address.ts";
import { SECRET_PREFIX, toSignedHeaders } from "./sign.ts";

describe("waiting after failures", () => {
  it("is somewhere below a ceiling that triples up to four hours, and never less than was asked for", () => {
    const ceilings = Array.from({ length: 9 }, (_, i) => toBackoffMs({ failures: i + 1, random: 0.999_999_999 }));
    expect(ceilings).toEqual([5_000, 15_000, 45_000, 135_000, 405_000, 1_215_000, 3_645_000, 10_935_000, 14_400_000]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.option(fc.integer({ min: 0, max: 86_400_000 }), { nil: undefined }),
        (failures, random, askedMs) => {
          const ms = toBackoffMs({ failures, random, askedMs });
          expect(ms).toBeGreaterThanOrEqual(askedMs ?? 0);
          expect(ms).toBeLessThanOrEqual(Math.max(14_400_000, askedMs ?? 0));
        },
      ),
    );
  });

  it("is for at most a day, whatever was asked for", () => {
    expect(toBackoffMs({ failures: 1, random: 0, askedMs: 10 ** 12 })).toBe(86_400_000);
  });

  it.each([
    ["120", 120_000],
    [" 0 ", 0],
    ["Fri, 02 Jan 2026 00:01:00 GMT", 60_000],
    ["Fri, 02 Jan 2025 00:01:00 GMT", 0],
    ["soon", undefined],
    ["-5", undefined],
    ["2026-01-02", undefined],
    [undefined, undefined],
  ])("reads Retry-After %j as %j ms", (header, ms) => {
    expect(parseRetryAfterMs(header, new Date("2026-01-02T00:00:00Z"))).toBe(ms);
  });
});

describe("signing", () => {
  it("makes what the published library verifies, with any of the secrets in force, and with no other", () => {
    const secrets = fc
      .uint8Array({ minLength: 24, maxLength: 64 })
      .map((key) => SECRET_PREFIX + Buffer.from(key).toString("base64"));
    fc.assert(
      fc.property(
        fc.uniqueArray(secrets, { minLength: 2, maxLength: 4 }),
        fc.stringMatching(/^[A-Za-z0-9:_-]{1,40}$/),
        fc.json(),
        ([other = "", ...inForce], id, body) => {
          const headers = toSignedHeaders({ id, at: new Date(), body, secrets: inForce });
          for (const secret of inForce) expect(() => new Webhook(secret).verify(body, headers)).not.toThrow();
          expect(() => new Webhook(other).verify(body, headers)).toThrow();
        },
      ),
    );
  });
});

describe("an address", () => {
  it.each([
    ...[
      "0.0.0.0",
      "10.1.2.3",
      "100.64.0.1",
      "127.0.0.1",
      "127.9.9.9",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
    ],
    ...["192.168.1.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fd00::1"],
    ...["fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "2002:a00:1::1"],
    ...[
      "2001:db8::1",
      "2001::1",
      "100::1",
      "fe80::1%eth0",
      "",
      "localhost",
      "1.2.3",
      "1.2.3.256",
      "0x7f.1",
      "2130706433",
    ],
    ...["2606:4700::1::1", "2606:4700:1:2:3:4:5:6:7", "2606:4700:g::1", "2606:4700:1.2.3.4::"],
  ])("%j is not for everybody", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each([
    "1.1.1.1",
    "8.8.8.8",
    "172.15.0.1",
    "172.32.0.1",
    "100.128.0.1",
    "192.167.1.1",
    "2606:4700:4700::1111",
    "2a00::1",
  ])("%j is for everybody", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});
