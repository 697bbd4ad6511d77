import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { matchesPage, toPath, withoutSlash } from "./match-page.ts";
import { type Offer, rankOffers } from "./rank-offers.ts";

describe("a page rule", () => {
  test.each([
    { kind: "exact", path: "/", page: "/", is: true },
    { kind: "exact", path: "/shoes", page: "/shoes/red", is: false },
    { kind: "prefix", path: "/shoes", page: "/shoes/red", is: true },
    { kind: "prefix", path: "/shoes", page: "/hats", is: false },
    { kind: "glob", path: "/p/*/reviews", page: "/p/1/reviews", is: true },
    { kind: "glob", path: "/p/*/reviews", page: "/p/1/2/reviews", is: false },
    { kind: "glob", path: "/p/**/reviews", page: "/p/1/2/reviews", is: true },
    { kind: "glob", path: "/p/*", page: "/p/", is: true },
    { kind: "glob", path: "/**", page: "/anything/at/all", is: true },
    { kind: "glob", path: "/a.c", page: "/abc", is: false },
    { kind: "glob", path: "/[a-z]+", page: "/abc", is: false },
    { kind: "glob", path: "/schöne-schuhe/*", page: "/schöne-schuhe/rot", is: true },
    { kind: "glob", path: "/***x", page: "/a/x", is: true },
  ] as const)("$kind $path on $page: $is", ({ kind, path, page, is }) => {
    expect(matchesPage({ kind, path }, page)).toBe(is);
  });

  it("by glob is what a regular expression says, for patterns that are none of a user's", () => {
    const some = fc.array(fc.constantFrom("a", "b", "/", "*", "**", "."), { maxLength: 8 }).map((all) => all.join(""));
    const page = fc.array(fc.constantFrom("a", "b", "/", "."), { maxLength: 10 }).map((all) => all.join(""));
    fc.assert(
      fc.property(some, page, (pattern, path) => {
        const source = pattern.replaceAll(
          /\*\*|\*|\./g,
          (part) => ({ "**": "[^]*", "*": "[^/]*", ".": "\\." })[part] ?? "",
        );
        expect(matchesPage({ kind: "glob", path: pattern }, path)).toBe(new RegExp(`^${source}$`).test(path));
      }),
    );
  });

  it("of nothing but stars takes no longer than its length times the path's", () => {
    const path = `${"*a".repeat(100)}b`;
    expect(matchesPage({ kind: "glob", path }, "a".repeat(2_000))).toBe(false);
  });
});

test.each([
  { address: "https://shop.example/shoes/?q=1#top", path: "/shoes" },
  { address: "/shoes//", path: "/shoes" },
  { address: "/", path: "/" },
  { address: "https://shop.example", path: "/" },
  { address: "/sch%C3%B6n", path: "/schön" },
  { address: "/%ff", path: "/%ff" },
  { address: "/a/../b", path: "/b" },
  { address: "javascript:alert(1)", path: undefined },
  { address: "shoes", path: undefined },
  { address: "", path: undefined },
])("$address has the path $path", ({ address, path }) => {
  expect(toPath(address)).toBe(path);
  if (path !== undefined) expect(withoutSlash(path)).toBe(path);
});

describe("ranking", () => {
  const offer = (offerId: string, more: Partial<Offer> = {}): Offer => ({
    ...{ offerId, placement: "hero", pages: [], startMs: undefined, endMs: undefined, priority: 0 },
    ...more,
  });
  const rank = (...offers: Offer[]) =>
    rankOffers(offers, { path: "/shoes", placements: ["hero", "foot"], nowMs: 1_000 });
  const ids = (...offers: Offer[]) =>
    rank(...offers)
      .get("hero")
      ?.map(({ offerId }) => offerId);

  it("tries the highest priority first, then by id, each in its own place", () => {
    const found = rank(
      offer("c"),
      offer("b", { priority: 1 }),
      offer("a"),
      offer("z", { placement: "foot" }),
      offer("y", { placement: "side" }),
    );
    expect([...found].map(([place, offers]) => [place, offers.map(({ offerId }) => offerId)])).toEqual([
      ["hero", ["b", "a", "c"]],
      ["foot", ["z"]],
    ]);
  });

  it("leaves out what has not begun, has ended, or is for other pages", () => {
    expect(
      ids(offer("a", { startMs: 1_001 }), offer("b", { endMs: 1_000 }), offer("c", { startMs: 1_000, endMs: 1_001 })),
    ).toEqual(["c"]);
    expect(ids(offer("a", { pages: [{ kind: "exact", path: "/hats" }] }))).toEqual([]);
    expect(
      ids(
        offer("a", {
          pages: [
            { kind: "exact", path: "/hats" },
            { kind: "prefix", path: "/s" },
          ],
        }),
      ),
    ).toEqual(["a"]);
  });
});
