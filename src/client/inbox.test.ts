import { describe, expect, it } from "vitest";
import { createInbox } from "./inbox.ts";
import { createTokenSource } from "./token-source.ts";

describe("inbox", () => {
  it("lists items by the Connect protocol with the user's token", async () => {
    const server = new Answers(
      json(200, {
        items: [
          {
            interventionId: "iv-1",
            content: { title: "Hi" },
            createTime: "2026-03-01T12:00:00Z",
            readTime: "2026-03-02T12:00:00.5Z",
          },
        ],
        unreadCount: 3,
      }),
    );
    const page = await server.inbox.list({ pageSize: 5, includeArchived: true });
    expect(page).toMatchObject({ nextPageToken: "", unreadCount: 3 });
    expect(page.items[0]).toMatchObject({
      id: "iv-1",
      content: { title: "Hi", body: "", actions: [], data: {} },
      createTime: new Date("2026-03-01T12:00:00Z"),
      readTime: new Date("2026-03-02T12:00:00.500Z"),
      archiveTime: undefined,
    });
    expect(server.requests).toEqual([
      {
        url: "http://engine.test/intervention.v1.InboxService/List",
        token: "Bearer token-1",
        body: { pageSize: 5, includeArchived: true },
      },
    ]);
  });

  it("marks any number as read, a hundred a call, and tells what is left", async () => {
    const server = new Answers(json(200, { unreadCount: 50 }), json(200, {}));
    const ids = Array.from({ length: 150 }, (_, index) => `iv-${index}`);
    expect(await server.inbox.markRead(ids)).toBe(0);
    expect(server.requests.map(({ body }) => body)).toEqual([
      { interventionIds: ids.slice(0, 100) },
      { interventionIds: ids.slice(100) },
    ]);
  });

  it("only counts when there is nothing to archive", async () => {
    const server = new Answers(json(200, { unreadCount: 7 }));
    expect(await server.inbox.archive([])).toBe(7);
    expect(server.requests[0]?.url).toMatch(/\/CountUnread$/);
  });

  it("tries once more with a fresh token when the first is refused", async () => {
    const server = new Answers(
      json(401, { code: "unauthenticated", message: "expired" }),
      json(200, { unreadCount: 1 }),
    );
    expect(await server.inbox.unreadCount()).toBe(1);
    expect(server.requests.map(({ token }) => token)).toEqual(["Bearer token-1", "Bearer token-2"]);
  });

  it("rejects with Connect's code, or `unavailable` when something else answered", async () => {
    const refused = new Answers(json(400, { code: "invalid_argument", message: "page_size: 1 to 100" }));
    await expect(refused.inbox.list({ pageSize: 0 })).rejects.toMatchObject({
      reason: "INBOX_FAILED",
      code: "invalid_argument",
      message: "List: page_size: 1 to 100",
    });
    const proxy = new Answers(() => new Response("<html>", { status: 502 }));
    await expect(proxy.inbox.list()).rejects.toMatchObject({ reason: "INBOX_FAILED", code: "unavailable" });
    const down = new Answers(() => {
      throw new TypeError("fetch failed");
    });
    await expect(down.inbox.list()).rejects.toMatchObject({ reason: "INBOX_FAILED", code: "unavailable" });
  });
});

function json(status: number, body: object): () => Response {
  return () => Response.json(body, { status });
}

class Answers {
  readonly requests: { url: string; token: string | null; body: unknown }[] = [];
  readonly inbox;

  constructor(...answers: (() => Response)[]) {
    let minted = 0;
    const mint = () => {
      minted += 1;
      return `token-${minted}`;
    };
    this.inbox = createInbox({
      url: "http://engine.test",
      tokens: createTokenSource(mint, () => 0),
      fetch: async (input, init) => {
        const request = new Request(input, init);
        const token = request.headers.get("authorization");
        this.requests.push({ url: request.url, token, body: await request.json() });
        const answer = answers.shift();
        if (answer === undefined) throw new Error("one request too many");
        return answer();
      },
    });
  }
}
