import { expect, it } from "vitest";
import { connectParts } from "../api/testing/start-api.ts";
import { until } from "../testing/until.ts";
import { findScheduled, replaceScheduled } from "./index.ts";

const text = (data: Uint8Array | undefined) => Buffer.from(data ?? []).toString("utf8");

it("replaces only what its writer has seen: of two at the same time one gets through, and none that has fired", async () => {
  await using parts = await connectParts();
  const { bus } = parts;
  const subject = bus.subjects.burst("main", "c", "ada");
  const target = bus.subjects.calm("main", "c", "ada");
  const put = (body: string, after: number, inMs = 60_000) =>
    replaceScheduled(bus, {
      ...{ subject, target, after },
      data: Buffer.from(body),
      at: new Date(Date.now() + inMs),
    });
  expect(await findScheduled(bus, subject)).toBeUndefined();
  const both = await Promise.all([put("one", 0), put("two", 0)]);
  expect(both.filter((isOurs) => isOurs)).toHaveLength(1);
  const standing = await findScheduled(bus, subject);
  expect(text(standing?.data)).toBe(both[0] ? "one" : "two");
  expect(await put("three", standing?.sequence ?? 0, 50)).toBe(true);
  const replaced = await findScheduled(bus, subject);
  expect(text(replaced?.data)).toBe("three");
  // What fires is there once, and what was replaced never fires.
  await until(async () => (await findScheduled(bus, target)) !== undefined, "fired");
  expect(text((await findScheduled(bus, target))?.data)).toBe("three");
  await until(async () => (await findScheduled(bus, subject)) === undefined, "gone from where it waited");
  expect(await put("four", replaced?.sequence ?? 0)).toBe(false);
  expect(await put("five", 0)).toBe(true);
});
