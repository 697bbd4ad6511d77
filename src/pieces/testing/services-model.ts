import type { BrowserContext } from "playwright-core";

/** The services that a page calls, for one that is served by the model gateway: an inbox by the words of InboxService, and places that
 *  nothing is offered for but what a test publishes. */
export class ServicesModel {
  items: { interventionId: string; content: object; createTime: string; readTime?: string }[] = [];
  isDown = false;
  readonly calls: string[] = [];
  /** What was asked for by PlacementService.Choose. */
  readonly views: { readonly pageUrl: string; readonly placements: string[]; readonly viewId: string }[] = [];

  add(interventionId: string, content: object = {}): void {
    const createTime = "2026-03-01T12:00:00Z";
    this.items.unshift({ interventionId, content: { title: `Hello ${interventionId}`, ...content }, createTime });
  }

  get unreadCount(): number {
    return this.items.filter(({ readTime }) => readTime === undefined).length;
  }

  async serve(context: BrowserContext): Promise<void> {
    await context.route("**/intervention.v1.PlacementService/Choose", (route) => {
      this.views.push(route.request().postDataJSON());
      return route.fulfill({ json: {} });
    });
    await context.route("**/intervention.v1.InboxService/*", async (route) => {
      const method = route.request().url().split("/").at(-1) ?? "";
      const { interventionIds = [], pageToken = "" } = route.request().postDataJSON();
      this.calls.push(`${method} ${interventionIds}`.trim());
      if (this.isDown) return route.fulfill({ status: 503, json: { code: "unavailable", message: "down" } });
      const ids = new Set<string>(interventionIds);
      if (method === "MarkRead")
        for (const item of this.items) if (ids.has(item.interventionId)) item.readTime = "2026-03-02T12:00:00Z";
      if (method === "Archive") this.items = this.items.filter(({ interventionId }) => !ids.has(interventionId));
      const start = Number(pageToken);
      const end = start + 20;
      const list = { items: this.items.slice(start, end), nextPageToken: end < this.items.length ? String(end) : "" };
      return route.fulfill({ json: { unreadCount: this.unreadCount, ...(method === "List" ? list : {}) } });
    });
  }
}
