import { create, fromBinary, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Binary, MongoNetworkError } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterventionBatchSchema, InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { parseTrigger } from "../api/parse-trigger.ts";
import { connectParts } from "../api/testing/start-api.ts";
import type { Bus } from "../bus/index.ts";
import { InvalidInput, KeyReused, OverLimit, Unavailable } from "../domain/errors.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { insertDecisions, type Store } from "../store/index.ts";
import { Acceptor, type AcceptorMetrics, type AcceptResult } from "./acceptor.ts";
import { toInterventionId } from "./intervention-id.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

type More = Pick<
  Exclude<MessageInitShape<typeof TriggerRequestSchema>, Message>,
  "content" | "campaign" | "expiration"
>;

const toTrigger = (idempotencyKey: string, more: More = {}) =>
  parseTrigger(
    create(TriggerRequestSchema, { idempotencyKey, recipient: { userId: "u" }, content: { title: "t" }, ...more }),
    {
      workspaceId: "main",
      newKey: () => "never",
    },
  );

const errorOf = (result: AcceptResult | undefined) => (result?.kind === "failed" ? result.error : undefined);

describe("accepting", () => {
  let parts: Awaited<ReturnType<typeof connectParts>>;
  let workspace: Workspace;
  let acceptor: Acceptor;
  let sizes: number[];
  const newAcceptor = (replaced: { store?: Store; bus?: Bus; now?: () => Date; metrics?: AcceptorMetrics } = {}) =>
    new Acceptor({
      store: parts.store,
      bus: parts.bus,
      now: () => new Date(),
      metrics: { accepted: { inc: () => {} }, acceptCommitSize: { observe: (size: number) => sizes.push(size) } },
      ...replaced,
    });
  const acceptOne = async (who: Acceptor, ...args: Parameters<typeof toTrigger>) =>
    (await who.accept(workspace, [toTrigger(...args)], TRACEPARENT))[0];
  const countOnStream = async (key: string) => {
    const stream = parts.bus.subjects.stream("INTERVENTIONS");
    const { first_seq: first, last_seq: last } = (await parts.bus.jsm.streams.info(stream)).state;
    const sequences = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const messages = await Promise.all(sequences.map((seq) => parts.bus.jsm.streams.getMessage(stream, { seq })));
    return messages
      .flatMap((message) => (message === null ? [] : fromBinary(InterventionBatchSchema, message.data).interventions))
      .filter(({ idempotencyKey }) => idempotencyKey === key).length;
  };
  const forgetStream = () => parts.bus.jsm.streams.purge(parts.bus.subjects.stream("INTERVENTIONS"));

  beforeAll(async () => {
    parts = await connectParts();
    [workspace] = parts.access.workspaces().filter(({ id }) => id === "main") as [Workspace];
    sizes = [];
    acceptor = newAcceptor();
  });
  afterAll(() => parts[Symbol.asyncDispose]());

  it("makes one intervention of a hundred callers with the same key", async () => {
    const results = await Promise.all(Array.from({ length: 100 }, () => acceptOne(acceptor, "hundred")));
    expect(results.every((result) => result?.kind === "accepted")).toBe(true);
    expect(results.filter((result) => result?.kind === "accepted" && !result.duplicate)).toHaveLength(1);
    expect(
      new Set(
        results.map((result) =>
          result?.kind === "accepted" ? `${result.interventionId} ${result.acceptedAt.getTime()}` : "",
        ),
      ),
    ).toHaveProperty("size", 1);
    expect(await parts.store.interventions.countDocuments({ _id: toInterventionId(workspace, "hundred") })).toBe(1);
    expect(await countOnStream("hundred")).toBe(1);
  });

  it("makes one of a hundred callers at several processes", async () => {
    const results = await Promise.all(Array.from({ length: 100 }, () => acceptOne(newAcceptor(), "processes")));
    expect(results.filter((result) => result?.kind === "accepted" && !result.duplicate)).toHaveLength(1);
    expect(results.filter((result) => result?.kind === "accepted")).toHaveLength(100);
    expect(await countOnStream("processes")).toBe(1);
  });

  it("lets a lone call go alone, and a flood share commits", async () => {
    sizes = [];
    await acceptOne(acceptor, "lone");
    expect(sizes).toEqual([1]);
    const first = acceptOne(acceptor, "flood");
    await Promise.resolve();
    const others = acceptor.accept(
      workspace,
      Array.from({ length: 900 }, (_, index) => toTrigger(`flood ${index}`)),
      TRACEPARENT,
    );
    expect((await others).every(({ kind }) => kind === "accepted")).toBe(true);
    expect(await first).toMatchObject({ kind: "accepted", duplicate: false });
    expect(sizes.length).toBeLessThanOrEqual(3);
  });

  it("refuses a known key with another body, and lets everybody else of that commit through", async () => {
    await acceptOne(acceptor, "reused");
    const other = toTrigger("reused", { content: { title: "other" } });
    const results = await acceptor.accept(
      workspace,
      [toTrigger("beside"), other, toTrigger("reused"), toTrigger("twice"), toTrigger("twice", { campaign: "c" })],
      TRACEPARENT,
    );
    expect(
      results.map((result) => (result.kind === "accepted" ? result.duplicate : result.error?.constructor)),
    ).toEqual([false, KeyReused, true, false, KeyReused]);
    expect(errorOf(results[1])).toMatchObject({
      idempotencyKey: "reused",
      interventionId: toInterventionId(workspace, "reused"),
    });
  });

  it("keeps the keys of workspaces apart", async () => {
    const other = parts.access.findWorkspace("other");
    await acceptOne(acceptor, "shared key");
    const [result] =
      other === undefined
        ? []
        : await acceptor.accept(other, [toTrigger("shared key", { campaign: "another body" })], TRACEPARENT);
    expect(result).toMatchObject({ kind: "accepted", duplicate: false });
  });

  it("knows a key after a restart and beyond the broker's window, with the time it was first accepted", async () => {
    const first = await acceptOne(acceptor, "long ago");
    await forgetStream();
    const later = new Date(Date.now() + 86_400_000);
    expect(await acceptOne(newAcceptor({ now: () => later }), "long ago")).toEqual({ ...first, duplicate: true });
  });

  it("publishes a repeated call again while nothing is decided, and never after", async () => {
    await acceptOne(acceptor, "undecided");
    // As long after the first call as the broker no longer knows its id.
    const { duplicate_window: before } = (await parts.bus.jsm.streams.info(parts.bus.subjects.stream("INTERVENTIONS")))
      .config;
    await forgetStream();
    await parts.bus.jsm.streams.update(parts.bus.subjects.stream("INTERVENTIONS"), { duplicate_window: 100_000_000 });
    await acceptOne(acceptor, "window over");
    await expect
      .poll(
        async () => (await acceptOne(newAcceptor(), "undecided"))?.kind === "accepted" && countOnStream("undecided"),
        { timeout: 5_000 },
      )
      .toBeGreaterThan(0);
    const id = toInterventionId(workspace, "undecided");
    await insertDecisions(parts.store, [
      {
        _id: `${id}/0`,
        workspaceId: "main",
        interventionId: id,
        userId: "u",
        campaign: "",
        round: 0,
        outcome: "suppress",
        decidedAt: new Date(),
        decision: new Binary(),
      },
    ]);
    // Counted where it leaves: the broker, which may still know the id, would hide it.
    let published = 0;
    const js = Object.assign(Object.create(parts.bus.js), {
      publish(...args: Parameters<Bus["js"]["publish"]>) {
        published += 1;
        return parts.bus.js.publish(...args);
      },
    });
    const watched = newAcceptor({ bus: { ...parts.bus, js } });
    expect(await acceptOne(watched, "undecided")).toMatchObject({ kind: "accepted", duplicate: true });
    expect(published).toBe(0);
    await acceptOne(watched, "counted");
    expect(published).toBe(1);
    await parts.bus.jsm.streams.update(parts.bus.subjects.stream("INTERVENTIONS"), { duplicate_window: before });
  });

  it("is Unavailable when the bus fails after the ledger, and a repeated call puts it on the stream", async () => {
    const broken: Bus = {
      ...parts.bus,
      js: Object.assign(Object.create(parts.bus.js), { publish: () => Promise.reject(new Error("no responders")) }),
    };
    expect(errorOf(await acceptOne(newAcceptor({ bus: broken }), "half"))).toBeInstanceOf(Unavailable);
    expect(await countOnStream("half")).toBe(0);
    expect(await acceptOne(newAcceptor(), "half")).toMatchObject({ kind: "accepted", duplicate: true });
    expect(await countOnStream("half")).toBe(1);
  });

  it("is Unavailable when the store fails, with nothing on the stream", async () => {
    const interventions = Object.assign(Object.create(parts.store.interventions), {
      insertMany: () => Promise.reject(new MongoNetworkError("gone")),
    });
    expect(
      errorOf(await acceptOne(newAcceptor({ store: { ...parts.store, interventions } }), "no store")),
    ).toBeInstanceOf(Unavailable);
    expect(await countOnStream("no store")).toBe(0);
    expect(await parts.store.interventions.countDocuments({ _id: toInterventionId(workspace, "no store") })).toBe(0);
  });

  it("refuses what has expired already, but knows it when it was accepted in time", async () => {
    const expiration = { case: "expireTime", value: timestampFromMs(Date.now() + 60_000) } as const;
    const late = () => new Date(Date.now() + 120_000);
    expect(errorOf(await acceptOne(newAcceptor({ now: late }), "too late", { expiration }))).toMatchObject({
      violations: [{ field: "expire_time" }],
    });
    expect(errorOf(await acceptOne(newAcceptor({ now: late }), "too late", { expiration }))).toBeInstanceOf(
      InvalidInput,
    );
    expect(await parts.store.interventions.countDocuments({ _id: toInterventionId(workspace, "too late") })).toBe(0);
    await acceptOne(acceptor, "in time", { expiration });
    expect(await acceptOne(newAcceptor({ now: late }), "in time", { expiration })).toMatchObject({
      kind: "accepted",
      duplicate: true,
    });
  });

  it("counts a ttl from the time of accepting, and a repeated call with it is the same", async () => {
    const at = new Date(Date.now() - 5_000);
    const ttl = { expiration: { case: "ttl", value: { seconds: 60n } } } as const;
    await acceptOne(newAcceptor({ now: () => at }), "ttl", ttl);
    expect(await acceptOne(acceptor, "ttl", ttl)).toMatchObject({ kind: "accepted", duplicate: true, acceptedAt: at });
    const document = await parts.store.interventions.findOne({ _id: toInterventionId(workspace, "ttl") });
    const message = document === null ? undefined : fromBinary(InterventionMessageSchema, document.message.value());
    expect(message?.expireTime === undefined ? undefined : timestampMs(message.expireTime)).toBe(at.getTime() + 60_000);
  });

  it("refuses a workspace of which too many wait, with a time to come back, and lets another in", async () => {
    const interventions = Object.assign(Object.create(parts.store.interventions), {
      insertMany: () => new Promise(() => {}),
    });
    let limited = 0;
    const metrics = {
      accepted: { inc: () => {} },
      acceptCommitSize: { observe: () => {} },
      limited: { inc: () => (limited += 1) },
    };
    const stuck = newAcceptor({ store: { ...parts.store, interventions }, metrics });
    const template = toTrigger("full");
    const refused = Promise.withResolvers<unknown>();
    const ask = (count: number) => {
      for (let index = 0; index < count; index += 1)
        void stuck
          .accept(workspace, [{ ...template, idempotencyKey: crypto.randomUUID() }], TRACEPARENT)
          .then(([result]) => refused.resolve(errorOf(result)));
    };
    ask(23_000);
    expect(await refused.promise).toBeInstanceOf(OverLimit);
    // In the place of those that the first commit has taken.
    ask(2_000);
    const refusedOfNoisy = limited;
    expect(refusedOfNoisy).toBeGreaterThan(0);
    const other = parts.access.findWorkspace("other") as Workspace;
    let isAnswered = false;
    void stuck.accept(other, [template], TRACEPARENT).finally(() => (isAnswered = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect([isAnswered, limited]).toEqual([false, refusedOfNoisy]);
  });
});
