import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrackedLinks, toTrackedUrls } from "./tracked-links.ts";

const key = (id: string) => ({ id, key: new Uint8Array(32).fill(id.charCodeAt(0)) });
const message = { workspaceId: "main", interventionId: "iv", channel: "email", campaign: "spring" };
const tokenOf = (url: string) => url.slice(url.lastIndexOf("/") + 1);

const WORKSPACE = { id: "main", idSecret: new Uint8Array(), createdAt: new Date(0) };

describe("links of messages", () => {
  const links = new TrackedLinks([key("a")]);
  const urls = links.toUrls("https://e.example/", message);
  const token = tokenOf(urls?.click("https://shop.example/?q=1", "buy") ?? "");

  it("say what they stand for", () => {
    expect(links.read(token)).toEqual({ ...message, actionId: "buy", url: "https://shop.example/?q=1" });
    expect(links.read(tokenOf(urls?.trap ?? ""))).toMatchObject({ url: "" });
    expect(urls?.pixel).toMatch(/^https:\/\/e\.example\/o\/.+\.gif$/);
  });

  it("are refused when any character of them was changed, added or taken away", () => {
    const alphabet = fc.constantFrom(..."ABCxyz019-_.");
    fc.assert(
      fc.property(fc.nat(token.length - 1), alphabet, (at, character) => {
        const changed = `${token.slice(0, at)}${character}${token.slice(at + 1)}`;
        if (changed !== token) expect(links.read(changed)).toBeUndefined();
        expect(links.read(`${token.slice(0, at)}${token.slice(at + 1)}`)).toBeUndefined();
        expect(links.read(`${token.slice(0, at)}${character}${token.slice(at)}`)).toBeUndefined();
      }),
    );
  });

  it("are read by an older key as long as it is kept, and signed by the newest", () => {
    const rotated = new TrackedLinks([key("b"), key("a")]);
    expect(rotated.read(token)).toBeDefined();
    expect(new TrackedLinks([key("b")]).read(token)).toBeUndefined();
    const signed = tokenOf(rotated.toUrls("https://e.example", message)?.trap ?? "");
    expect(new TrackedLinks([key("b")]).read(signed)).toBeDefined();
  });

  it("are as they were where the settings, or the workspace, don't want them followed", () => {
    const workspaceOff = { findWorkspace: () => ({ ...WORKSPACE, linkTrackingOff: true }) };
    const on = { PUBLIC_URL: "https://e.example", TRACK_LINKS: true };
    expect(toTrackedUrls(links, { findWorkspace: () => WORKSPACE }, on)?.(message)).toBeDefined();
    expect(toTrackedUrls(links, workspaceOff, on)?.(message)).toBeUndefined();
    expect(toTrackedUrls(links, { findWorkspace: () => WORKSPACE }, { ...on, TRACK_LINKS: false })).toBeUndefined();
  });

  it("are as they were where there is no key, or they would be too long to follow", () => {
    expect(new TrackedLinks([]).toUrls("https://e.example", message)).toBeUndefined();
    const long = `https://shop.example/${"x".repeat(1_000)}`;
    expect(urls?.click(long, "")).toBe(long);
  });
});
