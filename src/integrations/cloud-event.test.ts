import { expect, test } from "vitest";
import { InvalidInput } from "../domain/errors.ts";
import { parseCloudEvent } from "./cloud-event.ts";

const EVENT = { specversion: "1.0", id: "e1", source: "/shop", type: "shop.page.viewed", subject: "ada", data: {} };
const parse = (changes: object) =>
  parseCloudEvent(
    (name) => (name === "content-type" ? "application/cloudevents+json" : undefined),
    Buffer.from(JSON.stringify({ ...EVENT, ...changes })),
  );

test("a CloudEvent in structured mode is read", () => {
  expect(parse({})).toMatchObject({ id: "e1", source: "/shop", type: "shop.page.viewed", subject: "ada" });
});

test.each([
  ["no id", { id: undefined }, "cloud_event.id: it is missing"],
  ["an empty id", { id: "" }, "cloud_event.id: it is empty"],
  ["an id that is too long", { id: "x".repeat(257) }, "cloud_event.id"],
  // What compares its length would ask it for a number, and throw.
  ["an id that is an object with a length of its own", { id: { length: { toString: "" } } }, "cloud_event.id"],
  ["such a subject", { subject: { length: { toString: "" } } }, "cloud_event.subject"],
  ["a time that is none", { time: "yesterday" }, "cloud_event.time: it is no RFC 3339 time"],
  ["another version", { specversion: "0.3" }, "only CloudEvents 1.0 is understood"],
])("a CloudEvent with %s is refused by what is wrong", (_, changes, expected) => {
  expect(() => parse(changes)).toThrow(InvalidInput);
  expect(() => parse(changes)).toThrow(expected);
});
