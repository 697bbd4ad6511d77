import { build } from "esbuild";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import { createInterventionClient } from "./client.ts";
import type { InterventionClientOptions } from "./options.ts";
import { GatewayServer } from "./testing/gateway-server.ts";
import { until } from "./testing/until.ts";

/** The page of a shop. What it was called back with goes to local storage at once, so that a page that
 *  dies in the next moment has still left its mark. Its dice are kind: connections that break as often as
 *  here would make it wait for longer and longer. */
const html = `<!doctype html><title>shop</title><script type="module">
  import { createInterventionClient } from "/client.js";
  const note = (name, value) => localStorage.setItem(name, JSON.stringify([...JSON.parse(localStorage.getItem(name) ?? "[]"), value]));
  const client = createInterventionClient({ url: location.origin, token: () => "a.b.c", random: () => Math.random() / 20 });
  client.on("intervention", (intervention) => { note("shown", intervention.id); intervention.displayed(); });
  client.on("error", (error) => note("errors", error.reason));
  client.on("welcome", ({ isRecovered }) => note("welcomes", isRecovered));
  client.connect();
  window.client = client;
</script>`;

let browser: Browser;
let clientJs: string;
let server: GatewayServer;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  const entryPoints = [new URL("index.ts", import.meta.url).pathname];
  const { outputFiles } = await build({ entryPoints, bundle: true, minify: true, format: "esm", write: false });
  clientJs = outputFiles[0]?.text ?? "";
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  server = await GatewayServer.start({
    "/": { type: "text/html", text: html },
    "/elsewhere": { type: "text/html", text: "<!doctype html><title>elsewhere</title>" },
    "/client.js": { type: "text/javascript", text: clientJs },
  });
  context = await browser.newContext();
  page = await context.newPage();
});

afterEach(async () => {
  await context.close();
  await server[Symbol.asyncDispose]();
});

describe("the client in Chromium", () => {
  it("shows each of 150 interventions once while its connection breaks fifteen times and the page is reloaded", async () => {
    await page.goto(server.url);
    await connected();
    const ids: string[] = [];
    for (let round = 0; round < 15; round += 1) {
      const hellos = server.model.hellos.length;
      for (let count = 0; count < 10; count += 1) {
        const id = `iv-${ids.length}`;
        ids.push(id);
        server.model.publish(id);
        // In the middle of the burst: some of it is lost on the way.
        if (count === 4 && round % 3 === 0) server.cut();
        if (count === 4 && round % 3 === 1) server.model.closeAll(4008);
        if (count === 4 && round % 3 === 2) server.model.closeAll(1012);
      }
      if (round === 7) await page.reload();
      await until(() => server.model.hellos.length > hellos && server.model.openCount > 0, "the client is back");
      // Once more what it had long ago.
      server.model.broadcast(server.model.history[round]?.frame ?? {});
    }
    await until(async () => (await noted("shown")).length >= ids.length, "all are shown");
    await until(() => ids.every((id) => server.model.tracked.has(`${id}:displayed`)), "all are tracked");
    await until(async () => (await unsentCount()) === 0, "nothing is left to be tracked");
    expect(await noted("shown")).toEqual(ids);
    expect(ids.filter((id) => !server.model.tracked.has(`${id}:delivered`))).toEqual([]);
    // The first welcome has nothing to recover; each after it resumed.
    expect(await noted("welcomes")).toEqual([false, ...server.model.hellos.slice(1).map(() => true)]);
    expect(await noted("errors")).toEqual([]);
  });

  it("takes server-sent events where WebSocket is blocked, and resumes them", async () => {
    server.weather = "webSocketBlocked";
    await page.goto(server.url);
    await connected();
    expect(server.counts).toMatchObject({ webSocket: 0, events: 1 });
    server.model.publish("iv-1");
    await until(() => server.model.tracked.has("iv-1:displayed"), "it is tracked by POST");
    server.cut();
    server.model.publish("iv-2");
    await until(() => server.model.tracked.has("iv-2:displayed"), "it went on");
    expect(await noted("shown")).toEqual(["iv-1", "iv-2"]);
    expect(await noted("welcomes")).toEqual([false, true]);
  });

  it("keeps what is tracked offline and sends it as soon as the network is back", async () => {
    await page.goto(server.url);
    await connected();
    await context.setOffline(true);
    server.weather = "closed";
    server.cut();
    await until(async () => (await state()) !== "open", "it noticed");
    await page.evaluate('client.track("clicked", "iv-1", "buy")');
    expect(await unsentCount()).toBe(1);
    server.weather = "fair";
    await context.setOffline(false);
    await until(() => server.model.tracked.size === 1, "the click is tracked");
    await until(async () => (await unsentCount()) === 0, "the client knows");
  });

  it("gets a click out although the page leaves in the same moment", async () => {
    await page.goto(server.url);
    await connected();
    server.weather = "deaf";
    await page.evaluate('client.track("clicked", "iv-1", "buy"); location.href = "/elsewhere"');
    await page.waitForURL("**/elsewhere");
    await until(() => server.model.tracked.size === 1, "the click is tracked");
    expect(server.counts.track).toBe(1);
  });
});

describe("the client in Node", () => {
  it.each([
    { name: "Node's own WebSocket", options: {} },
    { name: "ws", options: { webSocket: WsWebSocket } },
  ])("resumes over $name", async ({ options }: { options: Partial<InterventionClientOptions> }) => {
    const shown: string[] = [];
    const client = createInterventionClient({ url: server.url, token: () => "a.b.c", ...options });
    client.on("intervention", ({ id }) => shown.push(id));
    client.connect();
    await until(() => client.state === "open", "it is open");
    server.model.publish("iv-1");
    await until(() => shown.length === 1, "the first is shown");
    server.cut();
    server.model.publish("iv-2");
    await until(() => shown.length === 2, "the second is shown");
    await until(() => client.unsentCount === 0, "both are tracked");
    client.close();
    await until(() => server.model.openCount === 0, "it has left");
    expect(shown).toEqual(["iv-1", "iv-2"]);
    expect([...server.model.tracked.keys()]).toEqual(["iv-1:delivered", "iv-2:delivered"]);
  });
});

async function connected(): Promise<void> {
  await until(async () => (await state()) === "open", "the page is connected");
}

async function state(): Promise<unknown> {
  return await page.evaluate("client.state");
}

async function unsentCount(): Promise<unknown> {
  return await page.evaluate("client.unsentCount");
}

async function noted(name: string): Promise<unknown[]> {
  const value: unknown = await page.evaluate(`JSON.parse(localStorage.getItem("${name}") ?? "[]")`);
  return Array.isArray(value) ? value : [];
}
