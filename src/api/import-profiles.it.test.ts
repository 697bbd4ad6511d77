import { Buffer } from "node:buffer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ContactChannel } from "../../gen/intervention/v1/profile_pb.js";
import { ImportHeader_Format, type ImportResponse } from "../../gen/intervention/v1/profile_service_pb.js";
import { createProfileClient, refusalOf } from "./testing/profile-client.ts";
import { startApi } from "./testing/start-api.ts";

const at = (seconds: number) => ({ seconds: BigInt(1_700_000_000 + seconds), nanos: 0 });
const { EMAIL } = ContactChannel;

describe("profiles", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const client = () => createProfileClient(api.url, api.apiKey);
  const get = async (userId: string) => (await client().get({ userId })).profile;

  async function importAll(
    format: ImportHeader_Format,
    pieces: readonly (string | Uint8Array)[],
    changeTime = at(100),
  ): Promise<ImportResponse[]> {
    const responses: ImportResponse[] = [];
    async function* requests() {
      yield { part: { case: "header" as const, value: { format, changeTime } } };
      for (const piece of pieces) yield { part: { case: "data" as const, value: Buffer.from(piece) } };
    }
    for await (const response of client().import(requests())) responses.push(response);
    return responses;
  }
  const badOf = (responses: readonly ImportResponse[]) =>
    responses.flatMap(({ badRows }) => badRows.map(({ row, field }) => [Number(row), field]));

  it("are imported from CSV: good rows are kept, every bad one is named", async () => {
    const file = [
      "\u{feff}user_id,time_zone,locale,email,phone,attributes.plan,attributes.age:number\r\n",
      'c-1,Europe/Paris,fr,c1@x.org,+4930123456,"gold, ""really""",36\r\n',
      "c-2,Mars/Base,!,nobody,,gold,36\r\n",
      "c-3,,,,,,old\r\n",
      "c-4,too,few\r\n",
      'c-5,,,,,a"b,\r\n',
      ",,,,,,\r\n",
      "c-7,,,c7@x.org,,,\r\n",
    ].join("");
    const bytes = Buffer.from(file);
    // Cut within a character, a quote and a line end.
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7));
    const responses = await importAll(ImportHeader_Format.CSV, pieces);
    expect(responses.at(-1)).toMatchObject({ done: true, rowsRead: 7n, rowsKept: 2n, rowsBad: 5n });
    expect(badOf(responses)).toEqual([
      [2, "time_zone"],
      [2, "locale"],
      [2, "email"],
      [3, "attributes.age:number"],
      [4, ""],
      [5, ""],
      [6, "user_id"],
    ]);
    expect(await get("c-1")).toMatchObject({
      timeZone: "Europe/Paris",
      attributes: { plan: 'gold, "really"', age: 36 },
    });
    expect((await get("c-7"))?.addresses).toMatchObject([{ channel: EMAIL, address: "c7@x.org" }]);
    expect(await refusalOf(importAll(ImportHeader_Format.CSV, ["user_id,shoe_size\n"]))).toContain("shoe_size");
    expect(await refusalOf(importAll(ImportHeader_Format.CSV, ["locale\n"]))).toContain("user_id");
  });

  it("are imported from NDJSON with progress, and coming again changes nothing", async () => {
    const lines = Array.from({ length: 1_203 }, (_, n) =>
      n % 400 === 7 ? '{"userId": ' : JSON.stringify({ userId: `n-${n}`, attributes: { n } }),
    );
    const bytes = Buffer.from(`${lines.join("\n")}\n\n`);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 10_000) }, (_, i) =>
      bytes.subarray(i * 10_000, (i + 1) * 10_000),
    );
    const responses = await importAll(ImportHeader_Format.NDJSON, pieces);
    expect(responses.map(({ rowsRead }) => Number(rowsRead))).toEqual([500, 1_000, 1_203]);
    expect(responses.at(-1)).toMatchObject({ rowsKept: 1_200n, rowsBad: 3n, done: true });
    expect(badOf(responses)).toEqual([8, 408, 808].map((row) => [row, ""]));
    const revisions = async () =>
      (await api.store.profiles.find({ workspaceId: "main", listedAs: { $gte: "n-", $lt: "n-~" } }).toArray()).map(
        ({ userId, revision }) => [userId, revision],
      );
    const before = await revisions();
    expect(before).toHaveLength(1_200);
    await importAll(ImportHeader_Format.NDJSON, pieces);
    expect(await revisions()).toEqual(before);
  });

  it("are imported past a row without end, which is named, and counted without empty lines", async () => {
    const file = `user_id,attributes.note\n\nq-1, fine\nq-2,"${"x".repeat(300_000)}\nq-5,\n`;
    const past = await importAll(ImportHeader_Format.CSV, [file]);
    expect(badOf(past)).toEqual([[2, ""]]);
    expect(past.at(-1)).toMatchObject({ done: true, rowsRead: 3n, rowsKept: 2n });
    expect((await get("q-1"))?.attributes).toEqual({ note: " fine" });
    expect((await get("q-5"))?.userId).toBe("q-5");
    const responses = await importAll(ImportHeader_Format.NDJSON, [
      `{"userId":"q-3","locale":"${"x".repeat(300_000)}"}\n{"userId":"q-4"}\n`,
    ]);
    expect(badOf(responses)).toEqual([[1, ""]]);
    expect((await get("q-4"))?.userId).toBe("q-4");
  });

  it("are imported as far as they came when their sender goes away, and the server goes on", async () => {
    const giveUp = new AbortController();
    async function* requests() {
      yield { part: { case: "header" as const, value: { format: ImportHeader_Format.NDJSON, changeTime: at(1) } } };
      const lines = Array.from({ length: 600 }, (_, n) => `{"userId":"g-${n}"}`);
      yield { part: { case: "data" as const, value: Buffer.from(`${lines.join("\n")}\n`) } };
      // The rest never comes.
      await new Promise((resolve) => giveUp.signal.addEventListener("abort", resolve));
    }
    const read = async () => {
      for await (const { rowsRead } of client().import(requests(), { signal: giveUp.signal }))
        if (rowsRead === 500n) giveUp.abort();
    };
    expect(await refusalOf(read())).toContain("Canceled");
    expect((await get("g-499"))?.userId).toBe("g-499");
  });
});
