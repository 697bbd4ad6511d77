import type { BrowserContext } from "playwright-core";

/** An inbox by the words of InboxService, for a page that asks the model gateway for what it does not have. */
export class InboxModel {
  items: { interventionId: string; content: object; createTime: string; readTime?: string }[] = [];
  isDown = false;
  readonly calls: string[] = [];

  add(interventionId: string, content: object = {}): void {
    const createTime = "2026-03-01T12:00:00Z";
    this.items.unshift({ interventionId, content: { title: `Hello ${interventionId}`, ...content }, createTime });
  }

  get unreadCount(): number {
    return this.items.filter(({ readTime }) => readTime === undefined).length;
  }

  async serve(context: BrowserContext): Promise<void> {
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
