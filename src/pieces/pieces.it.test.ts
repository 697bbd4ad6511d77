import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from "vitest";
import type { GatewayServer } from "../client/testing/gateway-server.ts";
import { until } from "../testing/until.ts";
import { ServicesModel } from "./testing/services-model.ts";
import { findViolations, launchChromium, openTab, startShop } from "./testing/shop-page.ts";

let browser: Browser;
let server: GatewayServer;
let context: BrowserContext;
let inbox: ServicesModel;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
});
beforeEach(async () => {
  server = await startShop();
  context = await browser.newContext();
  inbox = new ServicesModel();
  await inbox.serve(context);
  ({ page, complaints } = await openTab(context, server.url));
});
afterEach(async () => {
  await context.close();
  await server[Symbol.asyncDispose]();
});

const actions = [
  { id: "buy", label: "To the cart" },
  { id: "later", label: "Later" },
];
const content = (kind: string, extras: object = {}) => ({
  content: {
    ...{ title: "Still thinking it over?", body: "Your cart is saved, and shipping is free today." },
    ...{ actions, presentation: { kind: `KIND_${kind}`, placement: kind === "INLINE" ? "home-hero" : "" } },
    ...extras,
  },
});
const tracked = (): string[] => [...server.model.tracked.keys()].toSorted((a, b) => a.localeCompare(b));
const kinds = [
  { kind: "TOAST", card: "engine-toast .toast" },
  { kind: "BANNER", card: "engine-banner .banner" },
  { kind: "MODAL", card: "engine-modal dialog[open] .modal" },
  { kind: "INLINE", card: "engine-placement .inline" },
];

describe.each(kinds)("a $kind in Chromium, on a page with a strict policy", ({ kind, card }) => {
  it("is shown, reports what happens with it, and has no accessibility violations", async () => {
    server.model.publish("iv-1", content(kind, { imageUrl: `${server.url}/picture.svg` }));
    await page.waitForSelector(card);
    expect(await page.textContent(`${card} strong`)).toBe("Still thinking it over?");
    expect(await findViolations(page)).toEqual([]);
    await until(() => server.model.tracked.has("iv-1:displayed"), "it was seen for a second");
    await page.click(`${card} button:text('To the cart')`);
    await until(() => server.model.tracked.size === 3, "the click is tracked");
    expect(tracked()).toEqual([expect.stringMatching(/^iv-1:clicked/), "iv-1:delivered", "iv-1:displayed"]);
    await page.waitForSelector(card, { state: "detached" });
    expect(complaints).toEqual([]);
  });

  it("is dismissed by its cross, once", async () => {
    server.model.publish("iv-1", content(kind));
    await page.click(`${card} .close`);
    await until(() => server.model.tracked.has("iv-1:dismissed"), "it is tracked");
    await page.waitForSelector(card, { state: "detached" });
    expect(tracked()).toEqual(["iv-1:delivered", "iv-1:dismissed", "iv-1:displayed"]);
  });

  it("goes when the engine takes it back", async () => {
    server.model.publish("iv-1", content(kind));
    await page.waitForSelector(card);
    server.model.revoke("iv-1");
    await page.waitForSelector(card, { state: "detached" });
  });

  it("shows hostile text as text, and has no link or picture by a hostile address", async () => {
    const hostile = "<img src=x onerror=alert(1)>";
    server.model.publish(
      "iv-1",
      content(kind, {
        ...{ title: hostile, body: hostile, imageUrl: "javascript:alert(1)" },
        actions: [{ id: "x", label: hostile, url: "javascript:alert(1)" }],
      }),
    );
    await page.waitForSelector(card);
    expect(await page.textContent(`${card} strong`)).toBe(hostile);
    expect(await page.locator(`${card} img, ${card} a`).count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});

describe("a toast", () => {
  it("never takes the focus, and waits while the pointer is on it", async () => {
    await page.evaluate("document.querySelector('engine-toast').setAttribute('seconds', '1.5')");
    await page.focus("#own");
    server.model.publish("iv-1", content("TOAST"));
    await page.hover("engine-toast .toast");
    expect(await page.evaluate("document.activeElement.id")).toBe("own");
    server.model.publish("iv-2", content("TOAST"));
    // The second one, which nobody holds, came later and goes first.
    await page.waitForSelector("[data-id=iv-2]");
    await page.waitForSelector("[data-id=iv-2]", { state: "detached" });
    expect(await page.locator("[data-id=iv-1]").count()).toBe(1);
    await page.mouse.move(0, 0);
    await page.waitForSelector("[data-id=iv-1]", { state: "detached" });
    expect(tracked()).not.toContain("iv-1:dismissed");
  });

  it("is announced by a region that was there before it", async () => {
    expect(await page.getAttribute("engine-toast .toasts", "role")).toBe("status");
  });
});

describe("a modal", () => {
  const modal = "engine-modal dialog[open]";
  const focused = () =>
    page.evaluate(
      "(() => { const inner = document.activeElement.shadowRoot?.activeElement; return inner?.textContent || inner?.getAttribute('aria-label') || document.activeElement.id; })()",
    );

  it("takes the focus to its first action, keeps it inside, and gives it back on Escape", async () => {
    await page.focus("#own");
    server.model.publish("iv-1", content("MODAL"));
    await page.waitForSelector(modal);
    expect(await focused()).toBe("To the cart");
    const visited = new Set<unknown>();
    for (let press = 0; press < 8; press += 1) {
      await page.keyboard.press("Tab");
      visited.add(await focused());
    }
    expect(visited).not.toContain("own");
    expect([...visited]).toEqual(expect.arrayContaining(["To the cart", "Later", "Close"]));
    await page.keyboard.press("Escape");
    await page.waitForSelector(modal, { state: "detached" });
    expect(await focused()).toBe("own");
    await until(() => server.model.tracked.has("iv-1:dismissed"), "it is tracked");
  });

  it("comes once a session, over pages too", async () => {
    server.model.publish("iv-1", content("MODAL"));
    await page.click(`${modal} .close`);
    server.model.publish("iv-2", content("MODAL"));
    server.model.publish("iv-3", content("TOAST"));
    await page.waitForSelector("engine-toast [data-id=iv-3]");
    expect(await page.locator(modal).count()).toBe(0);
    await page.reload();
    server.model.publish("iv-4", content("TOAST"));
    await page.waitForSelector("engine-toast [data-id=iv-4]");
    expect(await page.locator(modal).count()).toBe(0);
  });
});

describe("a placement", () => {
  it("shows what the page put there until a message for it comes, and after it went", async () => {
    expect(await page.isVisible("#fallback")).toBe(true);
    server.model.publish("iv-1", content("INLINE"));
    await page.waitForSelector("engine-placement .inline");
    expect(await page.isVisible("#fallback")).toBe(false);
    await page.click("engine-placement .close");
    await page.waitForSelector("#fallback", { state: "visible" });
  });

  it("asks once what to show, and shows what comes for this view alone", async () => {
    await until(() => inbox.views.length === 1, "it has asked");
    const [view] = inbox.views;
    expect(view).toMatchObject({ pageUrl: `${server.url}/`, placements: ["home-hero"], locale: "en" });
    const presentation = { kind: "KIND_INLINE", placement: "home-hero" };
    server.model.publish("iv-other", content("INLINE", { presentation: { ...presentation, viewId: "other" } }));
    server.model.publish("iv-own", content("INLINE", { presentation: { ...presentation, viewId: view?.viewId } }));
    await page.waitForSelector("engine-placement [data-id=iv-own]");
    await page.reload();
    await until(() => inbox.views.length === 2, "the next view has asked");
    expect(inbox.views[1]?.viewId).not.toBe(view?.viewId);
    server.model.publish("iv-toast", content("TOAST"));
    await page.waitForSelector("[data-id=iv-toast]");
    expect(await page.locator("[data-id=iv-other]").count()).toBe(0);
  });

  it("is not counted as displayed before half of it has been in view", async () => {
    await page.evaluate("document.querySelector('h1').style.marginTop = '3000px'");
    server.model.publish("iv-1", content("INLINE"));
    server.model.publish("iv-2", content("TOAST"));
    await until(() => server.model.tracked.has("iv-2:displayed"), "what is in view is displayed");
    expect(tracked()).not.toContain("iv-1:displayed");
    await page.locator("engine-placement").scrollIntoViewIfNeeded();
    await until(() => server.model.tracked.has("iv-1:displayed"), "it came into view");
  });
});

describe("the inbox", () => {
  const bell = "engine-inbox .bell";
  beforeEach(async () => {
    for (const id of ["iv-1", "iv-2", "iv-3"]) inbox.add(id, { actions: [{ id: "go", label: "Go" }] });
    server.model.inboxChanged("iv-3");
    await page.waitForSelector("engine-inbox .badge:text('3')");
  });

  it("counts, lists, marks as read and archives by keyboard alone, without accessibility violations", async () => {
    expect(await page.getAttribute(bell, "aria-label")).toBe("Inbox, 3 unread");
    await page.focus(bell);
    await page.keyboard.press("Enter");
    await page.waitForSelector("engine-inbox .card >> nth=2");
    expect(await findViolations(page)).toEqual([]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const title = () =>
      page.evaluate("document.activeElement.shadowRoot.activeElement.querySelector('strong')?.textContent");
    expect(await title()).toBe("Hello iv-2");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector("engine-inbox .badge:text('2')");
    await page.keyboard.press("End");
    expect(await title()).toBe("Hello iv-1");
    for (let press = 0; press < 3; press += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector("engine-inbox .badge:text('1')");
    expect(await title()).toBe("Hello iv-2");
    await page.keyboard.press("Escape");
    expect(await page.getAttribute(bell, "aria-expanded")).toBe("false");
    expect(await page.evaluate("document.activeElement.shadowRoot.activeElement.className")).toBe("bell");
    expect(inbox.calls).toContain("MarkRead iv-2");
    expect(inbox.calls).toContain("Archive iv-1");
    expect(complaints).toEqual([]);
  });

  it("reports what was seen and clicked in it, and marks what was clicked as read", async () => {
    await page.click(bell);
    await page.click("engine-inbox .card >> nth=0 >> button:text('Go')");
    await page.waitForSelector("engine-inbox .badge:text('2')");
    await until(() => server.model.tracked.has("iv-3:displayed"), "it was seen");
  });

  it("shows more than a page, marks all as read, and says so when it is empty", async () => {
    for (let index = 4; index < 30; index += 1) inbox.add(`iv-${index}`);
    await page.click(bell);
    await page.click("engine-inbox button:text('Show more')");
    await page.waitForSelector("engine-inbox .card >> nth=28");
    await page.click("engine-inbox button:text('Mark all as read')");
    await page.waitForSelector("engine-inbox .badge", { state: "hidden" });
    inbox.items = [];
    server.model.inboxChanged("iv-3");
    await page.waitForSelector("engine-inbox .note:text('Nothing here yet.')");
  });

  it("says that it could not be loaded, and loads when asked again", async () => {
    inbox.isDown = true;
    await page.click(bell);
    await page.waitForSelector("engine-inbox [role=alert]");
    inbox.isDown = false;
    await page.click("engine-inbox button:text('Try again')");
    await page.waitForSelector("engine-inbox .card");
  });
});

describe("the look", () => {
  test.each([
    { name: "light", query: "", edge: "right" },
    { name: "right to left and dark", query: "?dir=rtl&lang=ar&scheme=dark", edge: "left" },
  ])("in $name: a toast in its corner, readable, without violations", async ({ query, edge }) => {
    await page.close();
    const { page: tab } = await openTab(context, `${server.url}/${query}`);
    server.model.publish("iv-1", content("TOAST"));
    server.model.publish("iv-2", content("BANNER"));
    await tab.waitForSelector("engine-toast .toast");
    await tab.waitForSelector("engine-banner .banner");
    const box = await tab.locator("engine-toast .toasts").boundingBox();
    const width = tab.viewportSize()?.width ?? 0;
    const gap = edge === "left" ? box?.x : width - (box?.x ?? 0) - (box?.width ?? 0);
    expect(gap).toBe(16);
    expect(await findViolations(tab)).toEqual([]);
  });

  it("takes the shop's colours by custom properties, and does not move for those who want none of it", async () => {
    await page.emulateMedia({ reducedMotion: "reduce" });
    await page.evaluate("document.body.classList.add('themed')");
    server.model.publish("iv-1", content("TOAST"));
    const style = (selector: string, name: string) =>
      page.evaluate(
        `getComputedStyle(document.querySelector("engine-toast").shadowRoot.querySelector("${selector}")).${name}`,
      );
    await page.waitForSelector("engine-toast .toast");
    expect(await style(".action-first", "backgroundColor")).toBe("rgb(0, 100, 50)");
    expect(await style(".toast", "borderStartStartRadius")).toBe("0px");
    expect(await style(".toast", "animationName")).toBe("none");
  });

  it("speaks the page's language", async () => {
    await page.close();
    const { page: tab } = await openTab(context, `${server.url}/?lang=de`);
    server.model.publish("iv-1", content("TOAST"));
    await tab.waitForSelector("engine-toast .close[aria-label='Schließen']");
  });
});

describe.each(["Web Locks", "leases in storage, where a page on plain http has no locks"])(
  "several tabs by %s",
  (by) => {
    it("show each message once, and another tab shows what a closed one had not shown for long enough", async () => {
      if (by !== "Web Locks") {
        await context.addInitScript("delete Navigator.prototype.locks");
        await page.reload();
        await until(() => page.evaluate("window.client?.state === 'open' && !('locks' in navigator)"), "it is back");
      }
      const { page: second } = await openTab(context, server.url);
      for (let index = 0; index < 3; index += 1) server.model.publish(`iv-${index}`, content("TOAST"));
      const ids = async (tab: Page) =>
        await tab
          .locator("engine-toast .toast")
          .evaluateAll((cards) => cards.map((card) => card.getAttribute("data-id")));
      await until(async () => [...(await ids(page)), ...(await ids(second))].length === 3, "each is shown");
      expect(new Set([...(await ids(page)), ...(await ids(second))])).toEqual(new Set(["iv-0", "iv-1", "iv-2"]));
      await until(
        () => ["iv-0", "iv-1", "iv-2"].every((id) => server.model.tracked.has(`${id}:displayed`)),
        "each is seen",
      );

      server.model.publish("iv-3", content("BANNER"));
      await until(
        async () => (await page.locator(".banner").count()) + (await second.locator(".banner").count()) === 1,
        "one has it",
      );
      const [owner, other] = (await page.locator(".banner").count()) === 1 ? [page, second] : [second, page];
      expect(server.model.tracked.has("iv-3:displayed")).toBe(false);
      await owner.close();
      await other.waitForSelector(".banner");
      await until(() => server.model.tracked.has("iv-3:displayed"), "the other one showed it");
      expect(server.model.tracked.get("iv-3:displayed")).toBe(1);
    });
  },
);
