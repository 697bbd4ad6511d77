import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ContactChannel } from "../../gen/intervention/v1/profile_pb.js";
import { readUnsubscribeToken, toUnsubscribeUrls } from "../integrations/unsubscribe-links.ts";
import { findSuppressions } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";
import { startPages } from "./testing/start-pages.ts";

const ADA = { channel: "email", address: "Ada@Example.com" } as const;

async function start() {
  const parts = await startParts();
  const access = await parts.container.get(parts.services.access);
  const { started } = await parts.container.get(parts.services.gateway);
  const workspace = await until(() => access.findWorkspace(parts.workspace), "the workspace");
  const base = `http://127.0.0.1:${started.port}`;
  const url =
    toUnsubscribeUrls(access, `${base}/`)?.(parts.workspace, { ...ADA, userId: "ada", interventionId: "iv" }) ?? "";
  const standing = async () => [...(await findSuppressions(parts.store, workspace, [ADA])).values()].flat();
  return { ...parts, access, base, url, standing };
}

describe("unsubscribing", () => {
  it("is asked for by a look, whoever looks, and done by the form, once", async () => {
    await using parts = await start();
    expect(parts.url).not.toMatch(/ada|example\.com/i);
    const look = await fetch(parts.url, { headers: { "accept-language": "de-AT,de;q=0.9,en;q=0.5" } });
    const html = await look.text();
    expect([look.status, html]).toEqual([200, expect.stringContaining('<html lang="de">')]);
    expect(html).toMatch(/<form method="post"><button>Abmelden<\/button><\/form>/);
    expect(look.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    await fetch(parts.url, { method: "HEAD" });
    expect(await parts.standing()).toEqual([]);
    for (let n = 0; n < 2; n += 1) {
      const done = await fetch(parts.url, { method: "POST", headers: { "accept-language": "xx, fr" } });
      expect([done.status, await done.text()]).toEqual([200, expect.stringContaining("C'est fait.")]);
    }
    expect(await parts.standing()).toMatchObject([{ scope: "marketing", reason: "unsubscribe", source: "link" }]);
  });

  it("is done by the one click of a mail program (RFC 8058)", async () => {
    await using parts = await start();
    const body = new URLSearchParams({ "List-Unsubscribe": "One-Click" });
    expect((await fetch(parts.url, { method: "POST", body })).status).toBe(200);
    expect(await parts.standing()).toHaveLength(1);
  });

  it("is told of once, by the campaign of the message that has the link", async () => {
    await using engine = await startPages({ PUBLIC_URL: "https://edge.shop.example" });
    const address = { channel: ContactChannel.EMAIL, address: "ada@example.com" };
    await engine.putProfile({ userId: "ada", addresses: [address] });
    await engine.say("ada", ContactChannel.EMAIL, "granted");
    await engine.startSending(["email"]);
    const answer = await engine.call("intervention.v1.InterventionService/Trigger", {
      ...{ recipient: { userId: "ada" }, content: { title: "Shoes" }, campaign: "spring" },
      policy: { channels: ["CHANNEL_EMAIL"], purpose: "PURPOSE_MARKETING" },
    });
    const id = (answer.body as { interventionId: string }).interventionId;
    const message = await until(() => engine.store.outbox.findOne({ _id: `${id}:email:1` }), "the message");
    const [, link = ""] = /"List-Unsubscribe":"<([^>]+)>"/.exec(message.content) ?? [];
    const url = link.replace("https://edge.shop.example", engine.base);
    await fetch(url);
    expect(await engine.store.events.findOne({ _id: `${id}:unsubscribed` })).toBeNull();
    for (let n = 0; n < 2; n += 1) expect((await fetch(url, { method: "POST" })).status).toBe(200);
    expect(await until(() => engine.store.events.findOne({ _id: `${id}:unsubscribed` }), "told of")).toMatchObject({
      ...{ kind: "unsubscribed", userId: "ada", campaign: "spring", channel: "email" },
    });
  });

  it("is done by the links of old too, which name no message", async () => {
    await using parts = await start();
    const { channel, addressHash } =
      readUnsubscribeToken(parts.access, new URL(parts.url).searchParams.get("t") ?? "") ?? {};
    const said = JSON.stringify([1, parts.workspace, channel, addressHash]);
    const payload = Buffer.from(said).toString("base64url");
    const idSecret = parts.access.findWorkspace(parts.workspace)?.idSecret ?? new Uint8Array();
    const signature = createHmac("sha256", idSecret).update(`unsubscribe:${payload}`).digest().subarray(0, 16);
    const url = `${parts.base}/unsubscribe?t=${payload}.${signature.toString("base64url")}`;
    expect((await fetch(url, { method: "POST" })).status).toBe(200);
    expect(await parts.standing()).toMatchObject([{ scope: "marketing", reason: "unsubscribe" }]);
  });

  it("is refused with a token that was changed, or was signed for another workspace or by nobody, and changes nothing", async () => {
    await using parts = await start();
    const token = new URL(parts.url).searchParams.get("t") ?? "";
    const [payload = "", signature = ""] = token.split(".");
    const said = JSON.parse(Buffer.from(payload, "base64url").toString()) as unknown[];
    const repacked = (changed: unknown) => `${Buffer.from(JSON.stringify(changed)).toString("base64url")}.${signature}`;
    const bad = [
      "",
      "x.y",
      payload,
      `${payload}.${"A".repeat(22)}`,
      repacked(said.with(3, "0".repeat(40))),
      repacked(said.with(1, "other")),
      repacked({}),
      `${token}A`,
    ];
    for (const one of bad) {
      expect(readUnsubscribeToken(parts.access, one), one).toBeUndefined();
      for (const method of ["GET", "POST"]) {
        const answer = await fetch(`${parts.base}/unsubscribe?t=${one}`, { method });
        expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining("not valid")]);
      }
    }
    expect(await parts.store.suppressions.countDocuments()).toBe(0);
    expect(readUnsubscribeToken(parts.access, token)).toMatchObject({ channel: "email", workspaceId: parts.workspace });
  });
});
