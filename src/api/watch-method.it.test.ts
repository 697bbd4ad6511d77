import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import { GrpcClient, toAnswer } from "./testing/grpc-client.ts";
import { SERVICE, startFixture, UNKNOWN_ID } from "./testing/intervention-fixture.ts";
import { startApi } from "./testing/start-api.ts";

describe("Watch", () => {
  let fixture: Awaited<ReturnType<typeof startFixture>>;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  function watch(request: object) {
    const stream = fixture.client.serverStream(`${SERVICE}/Watch`, request);
    const heard: (string | undefined)[] = [];
    const ended = new Promise<ReturnType<typeof toAnswer>>((resolve) =>
      stream.on("error", (error) => resolve(toAnswer(error as never))),
    );
    stream.on("data", ({ event }: { event: { eventId: string } | null }) => heard.push(event?.eventId));
    return { heard, ended, cancel: () => stream.cancel() };
  }

  it("tells of one intervention what happened before and then what happens, each once", async () => {
    const id = await fixture.accept();
    await fixture.storeEvent(id, "accepted", new Date(1));
    await fixture.storeEvent(id, "sent", new Date(2));
    const { heard, cancel } = watch({ name: id });
    await expect.poll(() => heard).toEqual([undefined, `${id}:accepted`, `${id}:sent`]);
    await fixture.publish(id, EventKind.SENT);
    await fixture.publish(id, EventKind.DELIVERED);
    await fixture.publish(await fixture.accept(), EventKind.DELIVERED);
    await fixture.publish(id, EventKind.DELIVERED);
    await fixture.publish(id, EventKind.DISPLAYED);
    await expect.poll(() => heard.slice(3)).toEqual([`${id}:delivered`, `${id}:displayed`]);
    cancel();
  });

  it("hears what reached the store without being heard live", async () => {
    const id = await fixture.accept();
    const { heard, cancel } = watch({ name: id });
    await expect.poll(() => heard).toEqual([undefined]);
    await fixture.storeEvent(id, "sent", new Date());
    await expect.poll(() => heard, { timeout: 5_000 }).toEqual([undefined, `${id}:sent`]);
    cancel();
  });

  it("tells of a whole workspace, only the kinds that were asked for, and nothing of another", async () => {
    const { heard, cancel } = watch({ kinds: ["EVENT_KIND_CLICKED"] });
    await expect.poll(() => heard).toEqual([undefined]);
    const id = await fixture.accept();
    await fixture.publish(id, EventKind.DISPLAYED);
    await fixture.publish("x", EventKind.CLICKED, { workspace: "other" });
    await fixture.publish(id, EventKind.CLICKED, { eventId: `${id}:clicked:1` });
    await fixture.publish(id, EventKind.CLICKED, { eventId: `${id}:clicked:2` });
    await expect.poll(() => heard).toEqual([undefined, `${id}:clicked:1`, `${id}:clicked:2`]);
    cancel();
  });

  it("refuses unknown kinds and what is not there", async () => {
    expect(await watch({ kinds: [0] }).ended).toMatchObject({
      code: 3,
      details: [{}, { fieldViolations: [{ field: "kinds[0]" }] }],
    });
    expect(await watch({ name: UNKNOWN_ID }).ended).toMatchObject({ code: 5 });
    expect(await watch({ name: "workspaces/other" }).ended).toMatchObject({ code: 5 });
  });
});

describe("a server that stops", () => {
  it("ends its watches so that they begin again elsewhere", async () => {
    await using api = await startApi();
    using client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
    const stream = client.serverStream(`${SERVICE}/Watch`, {});
    const ended = new Promise<ReturnType<typeof toAnswer>>((resolve) =>
      stream.on("error", (error) => resolve(toAnswer(error as never))),
    );
    await new Promise((resolve) => stream.once("data", resolve));
    await api.stop();
    expect(await ended).toMatchObject({
      code: 14,
      details: [{ reason: "ENGINE_UNAVAILABLE" }, { type: "google.rpc.RetryInfo" }],
    });
  });
});
