import { create, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DecisionSchema } from "../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import type { TrackedUrls } from "../domain/tracking/track-links.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

const SHOP = "https://shop.example/boots?size=42";
const CHROME = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

describe("a link of a message", () => {
  let parts: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    parts = await start();
  });
  afterAll(() => parts[Symbol.asyncDispose]());

  async function start() {
    const all = await startParts({ CREDENTIAL_KEYS: `k:${Buffer.alloc(32, 7).toString("base64")}` });
    const { started } = await all.container.get(all.services.gateway);
    await all.container.get(all.services.track);
    const links = await all.container.get(all.services.trackedLinks);
    const base = `http://127.0.0.1:${started.port}`;
    let made = 0;
    return {
      ...all,
      base,
      /** Something that was sent to ada by email an hour ago. */
      async send(): Promise<{ interventionId: string; urls: TrackedUrls }> {
        made += 1;
        const interventionId = `iv${made}`;
        await all.store.decisions.insertOne({
          ...{ _id: `${interventionId}/0`, workspaceId: "main", interventionId, userId: "ada", campaign: "spring" },
          ...{ round: 0, outcome: "send", channel: "email", decidedAt: new Date(Date.now() - 3_600_000) },
          decision: new Binary(toBinary(DecisionSchema, create(DecisionSchema, { channel: Channel.EMAIL }))),
        });
        const urls = links.toUrls(base, { workspaceId: "main", interventionId, channel: "email", campaign: "spring" });
        if (urls === undefined) throw new Error("there is a key");
        return { interventionId, urls };
      },
      hit: (url: string, init: RequestInit = {}) =>
        fetch(url, { redirect: "manual", ...init, headers: { "user-agent": CHROME, ...init.headers } }),
      events: async (interventionId: string, count: number) =>
        until(async () => {
          const found = await all.store.events.find({ again: interventionId }).toArray();
          const once = await all.store.events.find({ _id: `${interventionId}:displayed` }).toArray();
          return found.length + once.length >= count ? [...found, ...once] : undefined;
        }, `${count} events of ${interventionId}`),
    };
  }

  it("leads to what was signed, with where its visitor comes from, and is told of with who that was", async () => {
    const { interventionId, urls } = await parts.send();
    const answer = await parts.hit(urls.click(SHOP, "buy"));
    expect([answer.status, answer.headers.get("location")]).toEqual([
      302,
      `${SHOP}&utm_source=intervention-engine&utm_medium=email&utm_campaign=spring&utm_content=buy`,
    ]);
    expect(answer.headers.get("cache-control")).toContain("no-store");
    await parts.hit(urls.click(SHOP, "buy"), { headers: { "user-agent": "Mimecast-URL-Protect/1.0" } });
    await parts.hit(urls.trap);
    await parts.hit(urls.click(SHOP, "buy"), { method: "HEAD" });
    const events = await parts.events(interventionId, 4);
    const hits = Map.groupBy(events, ({ actor, actionId }) => `${actor} ${actionId ?? ""}`);
    expect(new Map([...hits].map(([who, some]) => [who, some.length]))).toEqual(
      new Map([
        ["person buy", 1],
        ["scanner buy", 2],
        ["scanner ", 1],
      ]),
    );
    for (const event of events)
      expect(event).toMatchObject({
        kind: "clicked",
        campaign: "spring",
        channel: "email",
        userId: "ada",
        workspaceId: "main",
      });
    // What orders may be credited to.
    expect(events.filter(({ touchOf }) => touchOf === "main/ada")).toHaveLength(1);
  });

  it("is a scanner's with all the others that were followed at once, and a person's when it was followed alone", async () => {
    const { interventionId, urls } = await parts.send();
    const pages = ["a", "b", "c"].map((name) => urls.click(`https://shop.example/${name}`, ""));
    await Promise.all(pages.map((url) => parts.hit(url)));
    const scanned = await parts.events(interventionId, 3);
    expect(scanned.map(({ actor, actorEvidence }) => [actor, actorEvidence])).toEqual(
      Array.from({ length: 3 }, () => ["scanner", "3 or more links of the message within 1000 ms"]),
    );
    const alone = await parts.send();
    await parts.hit(alone.urls.click(SHOP, ""));
    await parts.hit(alone.urls.click(SHOP, "buy"));
    expect((await parts.events(alone.interventionId, 2)).map(({ actor }) => actor)).toEqual(["person", "person"]);
  });

  it("leads nowhere when it was changed, and nothing is told of", async () => {
    const { interventionId, urls } = await parts.send();
    const before = await parts.store.events.countDocuments();
    const url = urls.click(SHOP, "buy");
    for (const bad of [
      `${url}A`,
      url.replace("/c/", "/c/x"),
      `${parts.base}/c/`,
      `${parts.base}/c/https://evil.example`,
    ]) {
      const answer = await parts.hit(bad);
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
      expect(await answer.text()).toContain("leads nowhere");
    }
    await parts.hit(urls.pixel);
    const events = await parts.events(interventionId, 1);
    expect(events.map(({ kind }) => kind)).toEqual(["displayed"]);
    expect(await parts.store.events.countDocuments()).toBe(before + 1);
  });

  it("of a picture counts a person's first look once, and proxies' beside it", async () => {
    const { interventionId, urls } = await parts.send();
    await parts.hit(urls.pixel, { headers: { "user-agent": "Mozilla/5.0" } });
    for (let look = 0; look < 3; look += 1) {
      const picture = await parts.hit(urls.pixel);
      expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/gif"]);
      expect((await picture.arrayBuffer()).byteLength).toBe(42);
    }
    const events = await parts.events(interventionId, 2);
    expect(new Set(events.map(({ _id, actor }) => `${actor} ${_id.split(":").length}`))).toEqual(
      new Set(["person 2", "privacy_proxy 3"]),
    );
  });
});
