import { generateKeyPairSync } from "node:crypto";
import { tokenGenerate, verifySignature } from "@vonage/jwt";
import { describe, expect, it, test } from "vitest";
import { signVonage, VONAGE } from "../testing/vonage.ts";
import { CallbackRefused } from "./report.ts";
import { verifyVonageCall } from "./vonage-token.ts";

const said = { message_uuid: "u-1", status: "delivered", text: "ä “quoted”\n\u{1F600}" };
type Signed = { readonly body: string; readonly authorization: string };

/** What became of it here. */
async function ours({ body, authorization }: Signed): Promise<string> {
  try {
    await verifyVonageCall({ authorization, body: new TextEncoder().encode(body) }, { ...VONAGE, now: new Date() });
    return "taken";
  } catch (error) {
    if (error instanceof CallbackRefused) return error.reason;
    throw error;
  }
}

/** What Vonage's own SDK says of the token; it leaves the claims to its caller. */
const theirs = ({ authorization }: Signed): boolean => {
  try {
    return verifySignature(authorization.slice("Bearer ".length), VONAGE.signatureSecret);
  } catch {
    // It throws for what is no token at all.
    return false;
  }
};

const seconds = (ago: number) => Math.floor(Date.now() / 1_000) - ago;
const unsigned = (header: object, claims: object) =>
  `Bearer ${[header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
const changed = ({ body, authorization }: Signed, at: number): Signed => {
  const parts = authorization.split(".");
  const part = parts[at] ?? "";
  return { body, authorization: parts.with(at, `${part[0] === "A" ? "B" : "A"}${part.slice(1)}`).join(".") };
};

const cases: readonly {
  readonly what: string;
  readonly signed: () => Signed | Promise<Signed>;
  readonly verdict: string;
  readonly isTheirs: boolean;
}[] = [
  { what: "a call", signed: () => signVonage(said), verdict: "taken", isTheirs: true },
  {
    what: "one that names no application",
    signed: () => signVonage(said, { application_id: undefined }),
    ...{ verdict: "taken", isTheirs: true },
  },
  {
    what: "one by another's secret",
    signed: () => signVonage(said, {}, { secret: "another-secret-of-another-account" }),
    ...{ verdict: "forged", isTheirs: false },
  },
  {
    what: "one whose claims were changed",
    signed: async () => changed(await signVonage(said), 1),
    ...{ verdict: "forged", isTheirs: false },
  },
  {
    what: "one whose signature was changed",
    signed: async () => changed(await signVonage(said), 2),
    ...{ verdict: "forged", isTheirs: false },
  },
  {
    what: "one that says that it needs no signature",
    signed: async () => {
      const { body } = await signVonage(said);
      return {
        body,
        authorization: unsigned({ alg: "none", typ: "JWT" }, { iat: seconds(0), api_key: VONAGE.apiKey }),
      };
    },
    ...{ verdict: "forged", isTheirs: false },
  },
  { what: "no token", signed: () => ({ body: "{}", authorization: "Bearer x" }), verdict: "forged", isTheirs: false },
  {
    what: "one that is over by its own word",
    signed: () => signVonage(said, { exp: seconds(60) }),
    ...{ verdict: "forged", isTheirs: false },
  },
];

/** What is judged by its claims, which the SDK does not look at. */
const stricter: readonly { readonly what: string; readonly signed: () => Promise<Signed>; readonly verdict: string }[] =
  [
    {
      what: "whose body was changed",
      signed: async () => ({ ...(await signVonage(said)), body: JSON.stringify({ ...said, status: "rejected" }) }),
      verdict: "forged",
    },
    {
      what: "whose body's hash is none",
      signed: () => signVonage(said, { payload_hash: "0".repeat(63) }),
      verdict: "forged",
    },
    { what: "without the body's hash", signed: () => signVonage(said, { payload_hash: undefined }), verdict: "forged" },
    { what: "of another account", signed: () => signVonage(said, { api_key: "other" }), verdict: "forged" },
    { what: "of another application", signed: () => signVonage(said, { application_id: "other" }), verdict: "forged" },
    { what: "of an hour ago", signed: () => signVonage(said, { iat: seconds(3_601) }), verdict: "forged" },
    {
      what: "of a time that is yet to come",
      signed: () => signVonage(said, { iat: seconds(-600) }),
      verdict: "forged",
    },
    { what: "without a time", signed: () => signVonage(said, { iat: undefined }), verdict: "forged" },
    { what: "by HS512", signed: () => signVonage(said, {}, { alg: "HS512" }), verdict: "forged" },
    {
      what: "without a token",
      signed: async () => ({ ...(await signVonage(said)), authorization: "" }),
      verdict: "unsigned",
    },
  ];

describe("a call of Vonage", () => {
  test.each(cases)("$what is $verdict, and the SDK agrees on the token", async ({ signed, verdict, isTheirs }) => {
    const call = await signed();
    expect(await ours(call)).toBe(verdict);
    expect(theirs(call)).toBe(isTheirs);
  });

  test.each(stricter)("$what is $verdict, whatever its signature", async ({ signed, verdict }) => {
    expect(await ours(await signed())).toBe(verdict);
  });

  it("is not what the SDK signs by an application's private key to call Vonage", async () => {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2_048,
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const token = tokenGenerate(VONAGE.applicationId, privateKey, { api_key: VONAGE.apiKey });
    expect(await ours({ body: "{}", authorization: `Bearer ${token}` })).toBe("forged");
  });
});
