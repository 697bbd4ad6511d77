import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { EventPublisher } from "../bus/index.ts";
import { OverLimit, Unavailable } from "../domain/errors.ts";
import { EventFeed } from "./event-feed.ts";
import { connectParts } from "./testing/start-api.ts";

const event = (eventId: string) =>
  create(EventSchema, { eventId, kind: EventKind.SENT, workspace: "main", interventionId: "i" });

/** Reads until the feed ends. */
async function readAll(feed: EventFeed): Promise<{ readonly ids: string[]; readonly error: unknown }> {
  const ids: string[] = [];
  try {
    for await (const { eventId } of feed.read()) ids.push(eventId);
    return { ids, error: undefined };
  } catch (error) {
    return { ids, error };
  }
}

describe("a feed of events", () => {
  let parts: Awaited<ReturnType<typeof connectParts>>;
  beforeAll(async () => {
    parts = await connectParts();
  });
  afterAll(() => parts[Symbol.asyncDispose]());
  const open = (wants: (event: Event) => boolean = () => true) =>
    EventFeed.open({ bus: parts.bus, log: parts.log, workspaceId: "main", wants });

  it("tells what happened before first, and each event once", async () => {
    using feed = await open();
    feed.push(event("live"));
    feed.pushBefore([event("first"), event("second"), event("live")]);
    feed.push(event("second"));
    feed.end();
    expect(await readAll(feed)).toEqual({ ids: ["first", "second", "live"], error: undefined });
  });

  it("ends a reader who is 10,000 events behind, after all of these, and says when to come back", async () => {
    using feed = await open();
    for (let index = 0; index <= 10_001; index += 1) feed.push(event(String(index)));
    const { ids, error } = await readAll(feed);
    expect(ids).toHaveLength(10_000);
    expect(error).toBeInstanceOf(OverLimit);
    expect(error).toMatchObject({ retryAfterMs: 1_000 });
  });

  it("does not count what its reader does not want", async () => {
    using feed = await open(({ eventId }) => eventId === "wanted");
    for (let index = 0; index <= 10_001; index += 1) feed.push(event(String(index)));
    feed.push(event("wanted"));
    feed.end();
    expect(await readAll(feed)).toEqual({ ids: ["wanted"], error: undefined });
  });

  it("passes over a message that is no batch of events", async () => {
    using feed = await open();
    parts.bus.nc.publish(parts.bus.subjects.track("main", "sent"), new Uint8Array([255]));
    await new EventPublisher(parts.bus).publish([event("after")]);
    const reader = feed.read();
    expect((await reader.next()).value).toMatchObject({ eventId: "after" });
  });

  it("ends when the connection to the bus breaks, since it can't know what it misses", async () => {
    using feed = await open();
    await parts.bus.nc.reconnect();
    expect((await readAll(feed)).error).toBeInstanceOf(Unavailable);
    // The next one on this connection needs it whole.
    await expect.poll(() => parts.bus.isConnected()).toBe(true);
    await parts.bus.nc.flush();
  });
});
