import { randomBytes } from "node:crypto";
import { CloudEvent, HTTP } from "cloudevents";
import { connect } from "nats";
import { expect, inject, it } from "vitest";
import { readCdnow } from "../../bench/cdnow.ts";
import { until } from "../../src/testing/until.ts";
import { runSandbox } from "./start-sandbox.ts";

it("the sandbox starts all four neighbours, takes an event by HTTP in both modes, and makes the AI engine behave as badly as told", async () => {
  const namespace = `s${randomBytes(6).toString("hex")}`;
  const nc = await connect({ servers: inject("natsUrl") });
  const jsm = await nc.jetstreamManager();
  const countOf = async (stream: string) => (await jsm.streams.info(`${namespace}_${stream}`)).state.messages;
  try {
    await runSandbox(
      {
        ...{ engine: { natsUrl: inject("natsUrl"), workspace: "main", namespace }, purchases: await readCdnow() },
        ...{ from: 0, rate: 0, host: "127.0.0.1", ports: { profiles: 0, identity: 0, events: 0 } },
      },
      async ({ eventsUrl, identityUrl, profilesUrl }) => {
        for (const url of [profilesUrl, identityUrl]) expect((await fetch(`${url}/faults`)).status).toBe(200);
        const put = (name: string, faults: object) =>
          fetch(`${eventsUrl}/faults/${name}`, { method: "PUT", body: JSON.stringify(faults) });
        const send = async (id: string, mode: "binary" | "structured") => {
          const event = new CloudEvent({
            ...{ id, source: "/shop", type: "shop.item.added", subject: "ada", datacontenttype: "application/json" },
            data: { user_id: "ada", item: { product_id: "mug", quantity: 1 } },
          });
          const { body, headers } = HTTP[mode](event);
          const given = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
          const response = await fetch(`${eventsUrl}/events`, { method: "POST", headers: given, body: String(body) });
          expect(response.status).toBe(200);
        };
        await send("1", "binary");
        await send("2", "structured");
        await until(async () => (await countOf("PREDICTIONS")) === 2, "both foreseen from");

        await put("ai-engine", { down: true });
        await send("3", "binary");
        await put("ai-engine", { garbage: true });
        await until(async () => (await countOf("PREDICTIONS")) === 3, "held back, then sent");
        const { data } = await jsm.streams.getMessage(`${namespace}_PREDICTIONS`, { seq: 3 });
        expect(data).toHaveLength(6);

        await put("ai-engine", {});
        await send("4", "binary");
        await until(async () => (await countOf("PREDICTIONS")) === 4, "well again");
        expect((await fetch(`${eventsUrl}/other`)).status).toBe(404);
      },
    );
  } finally {
    for (const stream of ["EVENTS", "PREDICTIONS"]) await jsm.streams.delete(`${namespace}_${stream}`);
    await nc.close();
  }
});
