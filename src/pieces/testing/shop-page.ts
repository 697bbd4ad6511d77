import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { build } from "esbuild";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { GatewayServer } from "../../client/testing/gateway-server.ts";
import { until } from "../../client/testing/until.ts";

/** What a strict shop allows: no inline script and no inline style, be it an attribute's. */
const strictPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws:; img-src 'self'; require-trusted-types-for 'script'";

/** Reads the page's own attributes, so that one page serves all tests. Its user's token is no JWT, so it has no owner. */
const shopJs = `
  import { createInterventionClient } from "/client.js";
  import { connectPieces } from "/pieces.js";
  const given = new URLSearchParams(location.search);
  document.documentElement.lang = given.get("lang") ?? "en";
  document.documentElement.dir = given.get("dir") ?? "ltr";
  document.documentElement.style.colorScheme = given.get("scheme") ?? "light";
  window.client = createInterventionClient({ url: location.origin, token: () => given.get("token") ?? "a.b.c" });
  window.disconnect = connectPieces(client, { limits: JSON.parse(given.get("limits") ?? "{}") });
  client.connect();
`;

const shopHtml = `<!doctype html><html lang="en"><head><title>shop</title><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/shop.css"></head><body>
<header><b>The shop</b><engine-inbox></engine-inbox></header>
<main><h1>Shoes</h1><engine-placement name="home-hero"><p id="fallback">Our new collection</p></engine-placement>
<p>Shoes for walking, shoes for dancing, and shoes to be looked at.</p><button id="own">A button of the shop's own</button></main>
<script type="module" src="/shop.js"></script></body></html>`;

const shopCss = `body { margin: 0; font: 1rem/1.5 Georgia, serif; }
header { display: flex; justify-content: space-between; align-items: center; padding: .75rem 1.25rem; border-bottom: 1px solid #8886; }
main { padding: 1.25rem; max-width: 60rem; margin: auto; } .themed { --engine-accent: rgb(0, 100, 50); --engine-radius: 0; }`;

export async function bundle(folder: "client" | "pieces"): Promise<string> {
  const entryPoints = [new URL(`../../${folder}/index.ts`, import.meta.url).pathname];
  const { outputFiles } = await build({ entryPoints, bundle: true, minify: true, format: "esm", write: false });
  return outputFiles[0]?.text ?? "";
}

export async function startShop(): Promise<GatewayServer> {
  const script = (text: string) => ({ type: "text/javascript", text });
  return await GatewayServer.start({
    "/": { type: "text/html; charset=utf-8", text: shopHtml, headers: { "Content-Security-Policy": strictPolicy } },
    "/shop.js": script(shopJs),
    "/shop.css": { type: "text/css", text: shopCss },
    "/client.js": script(await bundle("client")),
    "/pieces.js": script(await bundle("pieces")),
    "/picture.svg": {
      type: "image/svg+xml",
      text: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="#e8c07d"/><circle cx="4" cy="4" r="2" fill="#7c4a1e"/></svg>',
    },
  });
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(
      " ",
    ),
  });
}

/** Opens a tab and waits until it is connected. What the content security policy or a script complains of is gathered. */
export async function openTab(context: BrowserContext, url: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  await until(() => page.evaluate("window.client?.state === 'open'"), "the page is connected");
  return { page, complaints };
}

/** What axe-core finds wrong, in words. It runs past the page's policy, by the browser's own hand. */
export async function findViolations(page: Page): Promise<unknown> {
  const path = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  await page.evaluate(await readFile(path, "utf8"));
  return await page.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary)]))",
  );
}
