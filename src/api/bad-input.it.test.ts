import { create, type DescField, type DescMessage, fromJson, ScalarType } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import { STREAM_NAMES } from "../bus/index.ts";
import { API_SERVICES } from "./api-routes.ts";
import { BAD_REQUESTS } from "./testing/bad-requests/bad-requests.ts";
import { findError } from "./testing/call-method.ts";
import { startFixture } from "./testing/intervention-fixture.ts";

const METHODS = new Map(
  API_SERVICES.flatMap(({ methods }) => methods).map((method) => [`${method.parent.name}/${method.name}`, method]),
);
/** They answer each message, the bad ones too: tests of their own look at those. */
const ANSWERING_EACH = [
  "TrackingService/TrackStream",
  "InterventionService/TriggerStream",
  "PredictionService/IngestStream",
  "EventService/IngestStream",
];

let fixture: Awaited<ReturnType<typeof startFixture>>;
let transport: ReturnType<typeof createGrpcTransport>;
beforeAll(async () => {
  fixture = await startFixture();
  transport = createGrpcTransport({ baseUrl: fixture.url });
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** Everything that is stored, and how much was ever put on each stream. That somebody tried something may be written down. */
async function snapshot(): Promise<string> {
  const { bus, store } = fixture;
  const changed = { outcome: { $ne: "failed" } };
  const names = (await store.db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).toSorted();
  const documents = await Promise.all(
    names.map((name) => store.db.collection(name).find(changed).sort({ _id: 1 }).toArray()),
  );
  const streams = await Promise.all(STREAM_NAMES.map((name) => bus.jsm.streams.info(bus.subjects.stream(name))));
  return JSON.stringify([names, documents, streams.map(({ state }) => state.last_seq)]);
}

const ask = async (name: string, request: Record<string, unknown>) => {
  const method = METHODS.get(name);
  if (method === undefined) throw new Error(`there is no ${name}`);
  return await findError(transport, method, create(method.input, request), {
    authorization: `Bearer ${fixture.apiKey}`,
  });
};

describe("a bad request is refused by what is wrong with it, and changes nothing", () => {
  it("of every method that has fields", () => {
    const named = [...METHODS].filter(([, { input }]) => input.fields.length > 0).map(([name]) => name);
    expect(new Set([...Object.keys(BAD_REQUESTS), ...ANSWERING_EACH])).toEqual(new Set(named));
  });

  test.each(
    Object.entries(BAD_REQUESTS).flatMap(([name, requests]) =>
      requests.map(([sent, code, ...fields]) => ({
        name,
        sent,
        code,
        fields,
        shown: JSON.stringify(sent).slice(0, 100),
      })),
    ),
  )("$name $shown: $code $fields", async ({ name, sent, code, fields }) => {
    const input = METHODS.get(name)?.input;
    if (input === undefined) throw new Error(`there is no ${name}`);
    const before = await snapshot();
    const error = await ask(name, { ...fromJson(input, sent) });
    expect(error && Code[error.code]).toBe(code);
    const violations = error?.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations) ?? [];
    expect(new Set(violations.map(({ field }) => field))).toEqual(new Set(fields));
    for (const { description } of violations) expect(description).not.toBe("");
    expect(await snapshot()).toBe(before);
  });
});

describe("what is far too long is answered within bounds, and changes nothing", () => {
  const TOO_LONG = "x".repeat(100_000);
  /** Where nothing is looked up: the answers are in the answer, or the field is for reading only. */
  const ANSWERS = ["InvalidArgument", "NotFound", "Aborted", "PermissionDenied", "OK"];

  test.each([...METHODS.keys()])("in each text of %s", async (name) => {
    const input = METHODS.get(name)?.input;
    const requests = input === undefined ? [] : [...withTooLong(input, 3)];
    const before = await snapshot();
    for (const { field, request } of requests) {
      const error = await ask(name, request);
      expect(ANSWERS, field).toContain(error === undefined ? "OK" : Code[error.code]);
      expect(error?.message.length ?? 0).toBeLessThan(1_100);
    }
    expect(await snapshot()).toBe(before);
  });

  /** A request for each text field, that has only this one. */
  function* withTooLong(
    message: DescMessage,
    depth: number,
    path = "",
  ): Generator<{ field: string; request: Record<string, unknown> }> {
    if (depth === 0 || message.typeName.startsWith("google.")) return;
    // Without a mask, the rest of a workspace is a change of its own; its identity provider is only for reading.
    if (message.typeName === "intervention.v1.IdentityProvider" && path.startsWith("workspace.")) return;
    for (const field of message.fields)
      for (const { field: where, value } of valuesOf(field, depth, `${path}${field.name}`))
        yield {
          field: where,
          request:
            field.oneof === undefined
              ? { [field.localName]: value }
              : { [field.oneof.localName]: { case: field.localName, value } },
        };
  }

  function* valuesOf(field: DescField, depth: number, path: string): Generator<{ field: string; value: unknown }> {
    const toValue = (one: unknown) => (field.fieldKind === "list" ? [one] : one);
    if (field.scalar === ScalarType.STRING && field.fieldKind !== "map")
      yield { field: path, value: toValue(TOO_LONG) };
    if (field.message !== undefined && field.fieldKind !== "map")
      for (const inner of withTooLong(field.message, depth - 1, `${path}.`))
        yield { field: inner.field, value: toValue(inner.request) };
  }
});
