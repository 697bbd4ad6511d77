import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { FORWARDED_HEADERS, proveForwarded, readForwarded, toForwardedText } from "./forwarded-identity.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const SECRET = "a-secret-of-at-least-32-characters";
const PATH = "/intervention.v1.InboxService/List";
const identity = {
  [FORWARDED_HEADERS.workspace]: "main",
  [FORWARDED_HEADERS.user]: "ada",
  [FORWARDED_HEADERS.scopes]: "",
  [FORWARDED_HEADERS.timestamp]: String(NOW.getTime() / 1_000),
};

type Headers = Readonly<Record<string, string>>;
const headerOf = (headers: Headers) => (name: string) => headers[name] ?? "";
const proven = (headers: Headers, secret = SECRET, path = PATH): Headers => ({
  ...headers,
  [FORWARDED_HEADERS.proof]: proveForwarded(toForwardedText(path, headerOf(headers)), secret),
});
const read = (headers: Headers, secrets: readonly string[] = [SECRET], path = PATH) =>
  readForwarded({ path, header: headerOf(headers) }, secrets, NOW);

describe("a forwarded identity", () => {
  it("is believed by its proof", () => {
    expect(read(proven(identity))).toEqual({
      kind: "proven",
      identity: { workspaceId: "main", user: "ada", roles: [] },
    });
  });

  it("is a service's by its scopes", () => {
    const headers = proven({
      ...identity,
      [FORWARDED_HEADERS.scopes]: "openid intervention.sender intervention.analyst",
    });
    expect(read(headers)).toMatchObject({ identity: { roles: ["analyst", "sender"] } });
  });

  it("is believed by either secret while one is replaced", () => {
    expect(
      read(proven(identity, "an-older-secret-of-32-characters!"), [SECRET, "an-older-secret-of-32-characters!"]).kind,
    ).toBe("proven");
  });

  test.each([
    { what: "without a proof", headers: identity },
    { what: "with another's proof", headers: proven(identity, "another-secret-of-32-characters!!") },
    {
      what: "with the proof of another path",
      headers: proven(identity, SECRET, "/intervention.v1.InboxService/Archive"),
    },
    { what: "with half of its proof", headers: { ...proven(identity), [FORWARDED_HEADERS.proof]: "v1=00" } },
    { what: "of no user", headers: proven({ ...identity, [FORWARDED_HEADERS.user]: "" }) },
    { what: "of no workspace", headers: proven({ ...identity, [FORWARDED_HEADERS.workspace]: "" }) },
    { what: "of no time", headers: proven({ ...identity, [FORWARDED_HEADERS.timestamp]: "" }) },
    ...[-61, 61].map((s) => ({
      what: `${s} s away`,
      headers: proven({ ...identity, [FORWARDED_HEADERS.timestamp]: String(NOW.getTime() / 1_000 + s) }),
    })),
    { what: "with a proof alone", headers: { [FORWARDED_HEADERS.proof]: "v1=00" } },
  ])("$what is refused", ({ headers }) => {
    expect(read(headers)).toEqual({ kind: "refused" });
  });

  test.each([-60, 60])("%d s away is believed", (s) => {
    const headers = { ...identity, [FORWARDED_HEADERS.timestamp]: String(NOW.getTime() / 1_000 + s) };
    expect(read(proven(headers)).kind).toBe("proven");
  });

  it("means nothing where no secret is shared", () => {
    expect(read(proven(identity, ""), [])).toEqual({ kind: "absent" });
  });

  it("is refused after any change of any of its headers", () => {
    const headers = proven({ ...identity, [FORWARDED_HEADERS.scopes]: "intervention.sender" });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(FORWARDED_HEADERS)),
        fc.stringMatching(/^[!-~ ]{0,40}$/),
        (name, value) => {
          fc.pre(headers[name] !== value);
          expect(read({ ...headers, [name]: value })).toEqual({ kind: "refused" });
        },
      ),
    );
  });
});
