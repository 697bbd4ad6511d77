import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { ConsentStatus, ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { GrpcClient } from "./testing/grpc-client.ts";
import { createProfileClient, refusalOf } from "./testing/profile-client.ts";
import { startApi } from "./testing/start-api.ts";

const at = (seconds: number) => ({ seconds: BigInt(1_700_000_000 + seconds), nanos: 0 });
const { EMAIL, SMS, INBOX } = ContactChannel;

describe("profiles, over gRPC", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const clientOf = (apiKey = api.apiKey) => createProfileClient(api.url, apiKey);
  const get = async (userId: string) => (await clientOf().get({ userId })).profile;

  it("keep of each value the newest, whatever order changes come in", async () => {
    const client = clientOf();
    await client.upsert({
      profile: { userId: "ada", timeZone: "Europe/Paris", attributes: { plan: "gold", age: 36 } },
      changeTime: at(10),
    });
    await client.upsert({
      profile: { userId: "ada", timeZone: "Asia/Tokyo", locale: "fr-CA", attributes: { plan: "free", city: "Paris" } },
      changeTime: at(5),
    });
    expect(await get("ada")).toMatchObject({
      userId: "ada",
      timeZone: "Europe/Paris",
      locale: "fr-CA",
      attributes: { plan: "gold", age: 36, city: "Paris" },
      updateTime: at(10),
    });
  });

  it("change only what the mask names, and clear what it names and the profile lacks", async () => {
    const client = clientOf();
    const whole = { userId: "bob", timeZone: "Europe/Paris", locale: "fr", attributes: { plan: "gold", age: 36 } };
    await client.upsert({ profile: whole, changeTime: at(1) });
    await client.upsert({
      profile: { userId: "bob", timeZone: "Asia/Tokyo", attributes: { age: 37 } },
      updateMask: { paths: ["locale", "attributes.plan", "attributes.age"] },
      changeTime: at(2),
    });
    const profile = await get("bob");
    expect(profile).toMatchObject({ timeZone: "Europe/Paris", locale: "" });
    expect(profile?.attributes).toEqual({ age: 37 });
  });

  it("take a phone number away that is none by the rules of today", async () => {
    const client = clientOf();
    const address = { channel: SMS, address: "+15550001" };
    const refused = refusalOf(client.upsert({ profile: { userId: "una", addresses: [address] } }));
    expect(await refused).toContain("is too short for a number of its country");
    await client.upsert({ profile: { userId: "una", addresses: [{ ...address, removed: true }] } });
    expect((await get("una"))?.addresses).toEqual([]);
  });

  it("have hours of quiet, which go by the mask as everything does", async () => {
    const client = clientOf();
    const quietHours = { start: "22:00", end: "07:00" };
    await client.upsert({ profile: { userId: "eva", quietHours }, changeTime: at(1) });
    await client.upsert({ profile: { userId: "eva", locale: "de" }, changeTime: at(2) });
    expect(await get("eva")).toMatchObject({ quietHours, locale: "de" });
    const updateMask = { paths: ["quiet_hours"] };
    await client.upsert({ profile: { userId: "eva" }, updateMask, changeTime: at(3) });
    expect((await get("eva"))?.quietHours).toBeUndefined();
  });

  it("have several addresses on a channel, of which one is the first choice", async () => {
    const client = clientOf();
    const own = (address: string, more = {}) => ({ channel: EMAIL, address, ...more });
    await client.upsert({
      profile: { userId: "cleo", addresses: [own("a@x.org", { primary: true }), own("b@x.org", { verified: true })] },
    });
    await client.upsert({
      profile: { userId: "cleo", addresses: [own("b@x.org", { primary: true, verified: true })] },
    });
    await client.upsert({ profile: { userId: "cleo", addresses: [{ channel: SMS, address: "+4930123456" }] } });
    const shown = async () =>
      (await get("cleo"))?.addresses.map(({ address, verified, primary }) => [address, verified, primary]);
    expect(await shown()).toEqual([
      ["a@x.org", false, false],
      ["b@x.org", true, true],
      ["+4930123456", false, false],
    ]);
    await client.upsert({ profile: { userId: "cleo", addresses: [own("a@x.org", { removed: true })] } });
    expect(await shown()).toHaveLength(2);
  });

  it("lose nothing to changes that meet at one user", async () => {
    const client = clientOf();
    const names = Array.from({ length: 24 }, (_, index) => `a${index}`);
    await Promise.all(names.map((name) => client.upsert({ profile: { userId: "dora", attributes: { [name]: 1 } } })));
    expect(new Set(Object.keys((await get("dora"))?.attributes ?? {}))).toEqual(new Set(names));
  });

  it("are taken in batches with a result for each, in which a bad one stops no other", async () => {
    const { results } = await clientOf().batchUpsert({
      requests: [
        { profile: { userId: "b1" } },
        { profile: { userId: "b2", timeZone: "Mars/Base", locale: "!" } },
        { profile: { userId: "b3", attributes: { plan: "gold" } } },
        { parent: "workspaces/other", profile: { userId: "b4" } },
      ],
    });
    expect(results.map(({ result }) => (result.case === "error" ? result.value.code : result.value))).toEqual([
      "b1",
      Code.InvalidArgument,
      "b3",
      Code.NotFound,
    ]);
    const error = results[1]?.result.case === "error" ? results[1].result.value.message : "";
    expect(error).toContain("profile.time_zone");
    expect(error).toContain("profile.locale");
    expect(await refusalOf(clientOf().get({ userId: "b2" }))).toContain("NotFound");
  });

  it("are found by the beginning of the id, an address and a declared attribute, page by page, within their workspace", async () => {
    const client = clientOf();
    const user = (userId: string, n: number) => ({
      profile: {
        userId,
        attributes: { plan: n % 2 === 0 ? "gold" : "free", secret: n },
        addresses: [{ channel: EMAIL, address: `User${n}@Shop.example` }],
      },
    });
    await client.batchUpsert({ requests: [0, 1, 2, 3, 4].map((n) => user(`s-${n}`, n)) });
    await clientOf(api.otherApiKey).upsert(user("s-9", 0));
    const idsOf = async (request: Parameters<typeof client.search>[0]) =>
      (await client.search(request)).profiles.map(({ userId }) => userId);
    const prefix = { case: "userIdPrefix" as const, value: "s-" };
    const first = await client.search({ by: prefix, pageSize: 3 });
    expect(first.profiles.map(({ userId }) => userId)).toEqual(["s-0", "s-1", "s-2"]);
    expect(await idsOf({ by: prefix, pageSize: 3, pageToken: first.nextPageToken })).toEqual(["s-3", "s-4"]);
    expect(await idsOf({ by: { case: "email", value: "uSER3@shop.example" } })).toEqual(["s-3"]);
    const byAttribute = (name: string, value: string) => ({
      by: { case: "attribute" as const, value: { name, value: { kind: { case: "stringValue" as const, value } } } },
    });
    expect(await idsOf(byAttribute("plan", "gold"))).toEqual(expect.arrayContaining(["s-0", "s-2", "s-4"]));
    expect(await idsOf(byAttribute("plan", "gold"))).not.toContain("s-1");
    expect(await refusalOf(client.search(byAttribute("secret", "1")))).toContain("attribute.name");
    expect(
      await refusalOf(client.search({ ...byAttribute("plan", "gold"), pageToken: first.nextPageToken })),
    ).toContain("page_token");
    expect(await idsOf({ by: { case: "userIdPrefix", value: "s-9" } })).toEqual([]);
  });

  const upsert = (profile: object, more: object = {}) => clientOf().upsert({ profile, ...more });
  test.each([
    ["no profile", "profile", () => clientOf().upsert({})],
    ["no user", "profile.user_id", () => upsert({})],
    ["an offset for a time zone", "profile.time_zone", () => upsert({ userId: "u", timeZone: "+02:00" })],
    [
      "a phone without a country",
      "profile.addresses[0].address",
      () => upsert({ userId: "u", addresses: [{ channel: SMS, address: "0301234" }] }),
    ],
    [
      "an inbox address",
      "profile.addresses[0].channel",
      () => upsert({ userId: "u", addresses: [{ channel: INBOX, address: "u" }] }),
    ],
    [
      "201 attributes",
      "profile.attributes",
      () =>
        upsert({ userId: "u", attributes: Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`a${i}`, 1])) }),
    ],
    [
      "a mask of nothing known",
      "update_mask.paths[0]",
      () => upsert({ userId: "u" }, { updateMask: { paths: ["consents"] } }),
    ],
    [
      "a change from tomorrow",
      "change_time",
      () => upsert({ userId: "u" }, { changeTime: { seconds: BigInt(Math.floor(Date.now() / 1_000) + 86_400) } }),
    ],
    [
      "a no that is implied",
      "implied",
      () =>
        clientOf().setConsent({
          userId: "u",
          channel: INBOX,
          status: ConsentStatus.DENIED,
          source: "x",
          implied: true,
        }),
    ],
    [
      "a consent from nowhere",
      "source",
      () => clientOf().setConsent({ userId: "u", channel: INBOX, status: ConsentStatus.DENIED }),
    ],
    ["a merge of one id", "into_user_id", () => clientOf().merge({ fromUserId: "u", intoUserId: "u" })],
  ])("refuse %s by its field, and change nothing", async (_, field, call) => {
    const refusal = await refusalOf(call());
    expect(refusal).toContain("InvalidArgument");
    expect(refusal).toContain(field);
    expect(await refusalOf(clientOf().get({ userId: "u" }))).toContain("NotFound");
  });

  it("keep what was said of consent, with everything that was ever said", async () => {
    const client = clientOf();
    const say = (status: ConsentStatus, seconds: number, more: object = {}) =>
      client.setConsent({
        ...{ userId: "eve", channel: INBOX, status, changeTime: at(seconds), source: "footer", textVersion: "v3" },
        ...more,
      });
    expect((await say(ConsentStatus.GRANTED, 10)).consent?.status).toBe(ConsentStatus.GRANTED);
    expect((await say(ConsentStatus.DENIED, 20)).consent?.status).toBe(ConsentStatus.DENIED);
    // Said before, told late.
    expect((await say(ConsentStatus.GRANTED, 15)).consent?.status).toBe(ConsentStatus.DENIED);
    expect((await say(ConsentStatus.GRANTED, 30, { implied: true })).consent?.status).toBe(ConsentStatus.DENIED);
    await say(ConsentStatus.DENIED, 20);
    const { changes } = await client.listConsentHistory({ userId: "eve" });
    expect(
      changes.map(({ status, implied, changeTime }) => [status, implied, Number(changeTime?.seconds) - 1_700_000_000]),
    ).toEqual([
      [ConsentStatus.GRANTED, true, 30],
      [ConsentStatus.DENIED, false, 20],
      [ConsentStatus.GRANTED, false, 15],
      [ConsentStatus.GRANTED, false, 10],
    ]);
    expect(changes[1]).toMatchObject({
      userId: "eve",
      source: "footer",
      textVersion: "v3",
      purpose: Purpose.MARKETING,
    });
    expect((await get("eve"))?.consents).toMatchObject([
      { channel: INBOX, status: ConsentStatus.DENIED, changeTime: at(20) },
    ]);
    expect(await refusalOf(say(ConsentStatus.DENIED, 40, { requestId: "r" }))).toBe("ok");
    expect(await refusalOf(say(ConsentStatus.GRANTED, 41, { requestId: "r" }))).toContain("request_id");
    const elsewhere = await clientOf(api.otherApiKey).listConsentHistory({ userId: "eve" });
    expect(elsewhere.changes).toEqual([]);
  });

  it("become one by a merge: the old id stands for the new, of each value the newer stands, the stricter consent stands", async () => {
    const client = clientOf();
    await client.upsert({
      profile: { userId: "anon-1", timeZone: "Asia/Tokyo", attributes: { plan: "free", cart: 3 } },
      changeTime: at(9),
    });
    await client.upsert({
      profile: { userId: "fay", timeZone: "Europe/Paris", attributes: { plan: "gold" } },
      changeTime: at(5),
    });
    await client.upsert({ profile: { userId: "fay", attributes: { plan: "silver" } }, changeTime: at(12) });
    const say = (userId: string, status: ConsentStatus, seconds: number, implied = false) =>
      client.setConsent({ userId, channel: INBOX, status, implied, changeTime: at(seconds), source: "form" });
    await say("anon-1", ConsentStatus.DENIED, 5);
    await say("fay", ConsentStatus.GRANTED, 6, true);
    const merged = await client.merge({ fromUserId: "anon-1", intoUserId: "fay" });
    expect(merged).toMatchObject({ alreadyMerged: false, profile: { userId: "fay", timeZone: "Asia/Tokyo" } });
    expect(merged.profile?.attributes).toEqual({ plan: "silver", cart: 3 });
    expect(merged.profile?.consents.map(({ status }) => status)).toEqual([ConsentStatus.DENIED]);
    expect(merged.profile?.mergedUserIds).toEqual(["anon-1"]);
    expect(await client.merge({ fromUserId: "anon-1", intoUserId: "fay" })).toMatchObject({ alreadyMerged: true });
    // The other way round it is one user already, and no circle.
    expect(await client.merge({ fromUserId: "fay", intoUserId: "anon-1" })).toMatchObject({ alreadyMerged: true });
    expect((await get("anon-1"))?.userId).toBe("fay");
    await client.upsert({ profile: { userId: "anon-1", locale: "fr" } });
    expect((await get("fay"))?.locale).toBe("fr");
    expect((await client.search({ by: { case: "userIdPrefix", value: "anon-1" } })).profiles).toEqual([]);
    expect((await client.listConsentHistory({ userId: "fay" })).changes).toHaveLength(2);
    const { merges } = await client.listMerges({ userId: "anon-1" });
    expect(merges).toMatchObject([{ fromUserId: "anon-1", intoUserId: "fay" }]);
    expect(merges[0]?.taken.toSorted()).toEqual(["attribute/cart", "consent/inbox/marketing/denied", "time_zone"]);
    expect(merges[0]?.outdated).toEqual(["attribute/plan"]);
    expect(await refusalOf(client.merge({ fromUserId: "nobody", intoUserId: "fay" }))).toContain("NotFound");
  });

  it("end as one user, in no circle, when merges meet", async () => {
    const client = clientOf();
    const ids = ["m0", "m1", "m2", "m3", "m4"];
    await client.batchUpsert({
      requests: ids.map((userId) => ({ profile: { userId, attributes: { [userId]: true } } })),
    });
    await Promise.all(
      ids.map((from, index) => client.merge({ fromUserId: from, intoUserId: ids[(index + 1) % ids.length] ?? "" })),
    );
    const seen = await Promise.all(ids.map(get));
    expect(new Set(seen.map((profile) => profile?.userId)).size).toBe(1);
    expect(new Set(Object.keys(seen[0]?.attributes ?? {}))).toEqual(new Set(ids));
    expect(seen[0]?.mergedUserIds.toSorted()).toEqual(ids.filter((id) => id !== seen[0]?.userId));
  });

  it("are kept by a client that shares no line with the server, too", async () => {
    using client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
    const upserted = await client.call("intervention.v1.ProfileService/Upsert", {
      profile: { userId: "js", locale: "fr" },
    });
    expect(upserted).toMatchObject({ code: 0, body: { profile: { userId: "js", locale: "fr" } } });
    const bad = await client.call("intervention.v1.ProfileService/Upsert", { profile: { userId: "js", locale: "!" } });
    expect(bad.details).toContainEqual(
      expect.objectContaining({ fieldViolations: [expect.objectContaining({ field: "profile.locale" })] }),
    );
  });
});
