import { MongoNetworkError } from "mongodb";
import { expect, it, vi } from "vitest";
import { ContactChannel } from "../../gen/intervention/v1/profile_pb.js";
import { toConfirmUrls } from "../integrations/confirm-links.ts";
import {
  consentId,
  findProfileOutlines,
  findSuppressions,
  followWish,
  insertConsentRequest,
  listConsentChanges,
  profileId,
  toAddressHash,
} from "../store/index.ts";
import { startPages } from "./testing/start-pages.ts";

const WRITES = ["insertMany", "updateOne", "deleteOne"] as const;

it("a confirmation that breaks off at whichever write is whole after another press, and recorded once", async () => {
  await using engine = await startPages();
  const { store, workspace: workspaceId, workspaceDocument } = engine;
  const perPress: number[] = [];
  for (let failing = 1; ; failing += 1) {
    const userId = `ada-${failing}`;
    const address = `${userId}@example.com`;
    await engine.putProfile({ userId, addresses: [{ channel: ContactChannel.EMAIL, address }] });
    const hash = toAddressHash(workspaceDocument, { channel: "email", address });
    await followWish(store, { workspaceId, channel: "email", hash, wish: "stop", at: new Date(1), source: "link" });
    const requestId = "r1";
    const now = new Date();
    await insertConsentRequest(store, {
      ...{ _id: consentId({ workspaceId, userId, requestId }), workspaceId, userId, requestId, channel: "email" },
      ...{ address, source: "form", textVersion: "1", locale: "en", requestedAt: now },
      expiresAt: new Date(now.getTime() + 3_600_000),
    });
    const url = toConfirmUrls(engine.base)?.(workspaceDocument, { userId, requestId }) ?? "";
    let count = 0;
    const spies = [store.addressWishes, store.suppressions, store.profiles, store.consents].flatMap((collection) =>
      WRITES.map((name) => {
        const real = (collection as unknown as Record<string, (...given: unknown[]) => unknown>)[name]?.bind(
          collection,
        );
        return vi.spyOn(collection as unknown as Record<string, () => unknown>, name).mockImplementation((...given) => {
          count += 1;
          if (count === failing) throw new MongoNetworkError("the connection broke");
          return real?.(...given);
        });
      }),
    );
    const broken = await fetch(url, { method: "POST" });
    for (const spy of spies) spy.mockRestore();
    perPress.push(count);
    const isThrough = broken.status === 200;
    if (!isThrough) {
      expect([broken.status, await broken.text()]).toEqual([503, expect.stringContaining("Please try again")]);
      expect(Number(broken.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect((await fetch(url, { method: "POST" })).status).toBe(200);
    const whose = { workspaceId, userId };
    const outline = (await findProfileOutlines(store, [whose])).get(profileId(workspaceId, userId));
    expect(outline).toMatchObject({ granted: [{ name: "email/marketing" }], addresses: [{ verified: true }] });
    expect(await listConsentChanges(store, workspaceId, userId)).toHaveLength(1);
    expect((await findSuppressions(store, workspaceDocument, [{ channel: "email", address }])).size).toBe(0);
    if (isThrough) break;
  }
  // Each write was made to fail once.
  expect(perPress.length).toBeGreaterThan(4);
});
