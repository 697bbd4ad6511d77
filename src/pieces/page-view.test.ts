import { describe, expect, it } from "vitest";
import type { PageView } from "../client/index.ts";
import { createPageViewAsker } from "./page-view.ts";

function open() {
  const page = { url: "/a", names: ["hero"], isDown: false };
  const calls: PageView[] = [];
  const errors: unknown[] = [];
  const asker = createPageViewAsker({
    findPlacements: () => page.names,
    pageUrl: () => page.url,
    newId: () => `view-${calls.length}`,
    locale: "de",
    choose: (view) => {
      calls.push(view);
      return page.isDown ? Promise.reject(new Error("down")) : Promise.resolve();
    },
    report: (error) => errors.push(error),
  });
  const asked = () => calls.map(({ placements, viewId, pageUrl }) => `${viewId} ${pageUrl} ${placements}`);
  return { page, calls, errors, asker, asked };
}

describe("a page view", () => {
  it("is asked for each place once, also one that comes later", () => {
    const { page, asker, asked } = open();
    asker.look();
    asker.look();
    page.names = ["hero", "foot", "hero"];
    asker.look();
    expect(asked()).toEqual(["view-0 /a hero", "view-0 /a foot"]);
  });

  it("begins anew when the address changes", () => {
    const { page, asker, asked } = open();
    asker.look();
    page.url = "/b";
    asker.look();
    expect(asked()).toEqual(["view-0 /a hero", "view-1 /b hero"]);
    expect(asker.viewId).toBe("view-1");
  });

  it("is asked again after it failed, with the same id", async () => {
    const { page, asker, asked, errors } = open();
    page.isDown = true;
    asker.look();
    await Promise.resolve();
    await Promise.resolve();
    page.isDown = false;
    asker.look();
    expect(asked()).toEqual(["view-0 /a hero", "view-0 /a hero"]);
    expect(errors).toHaveLength(1);
  });

  it("without a place asks nothing, and with many asks twenty at a time", () => {
    const { page, asker, calls } = open();
    page.names = ["", ""];
    asker.look();
    expect(calls).toEqual([]);
    page.names = Array.from({ length: 45 }, (_, index) => `p${index}`);
    asker.look();
    expect(calls.map(({ placements }) => placements.length)).toEqual([20, 20, 5]);
  });
});
