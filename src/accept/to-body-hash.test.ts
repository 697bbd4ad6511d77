import { Buffer } from "node:buffer";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { Channel, Priority } from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { parseTrigger } from "../api/parse-trigger.ts";

type Request = MessageInitShape<typeof TriggerRequestSchema>;

const good = { idempotencyKey: "k", recipient: { userId: "u" }, content: { title: "t" } } satisfies Request;
const content = (more: object): Request => ({ ...good, content: { title: "t", ...more } });
const hash = (request: Request) =>
  Buffer.from(
    parseTrigger(create(TriggerRequestSchema, request), { workspaceId: "main", newKey: () => "made up" }).bodyHash,
  ).toString("hex");

describe("the hash of a body", () => {
  test.each<{ what: string; request: Request }>([
    { what: "another key", request: { ...good, idempotencyKey: "other" } },
    { what: "the parent spelled out", request: { ...good, parent: "workspaces/main" } },
    {
      what: "a default spelled out",
      request: { ...good, priority: Priority.NORMAL, policy: { channels: [Channel.REALTIME, Channel.INBOX] } },
    },
  ])("is the same with $what", ({ request }) => {
    expect(hash(request)).toBe(hash(good));
  });

  it("does not depend on the order of names in data", () => {
    expect(hash(content({ data: { a: { x: 1, y: [{ p: 1, q: 2 }] }, b: 2 } }))).toBe(
      hash(content({ data: { b: 2, a: { y: [{ q: 2, p: 1 }], x: 1 } } })),
    );
  });

  test.each<{ what: string; request: Request }>([
    { what: "title", request: content({ title: "T" }) },
    { what: "user", request: { ...good, recipient: { userId: "U" } } },
    { what: "campaign", request: { ...good, campaign: "c" } },
    { what: "priority", request: { ...good, priority: Priority.HIGH } },
    { what: "order of channels", request: { ...good, policy: { channels: [Channel.INBOX, Channel.REALTIME] } } },
    { what: "ttl", request: { ...good, expiration: { case: "ttl", value: { seconds: 60n } } } },
    { what: "data", request: content({ data: { a: 1 } }) },
    { what: "product", request: content({ productIds: ["p"] }) },
    { what: "order of a list in data", request: content({ data: { a: [2, 1] } }) },
  ])("tells another $what", ({ request }) => {
    expect(hash(request)).not.toBe(hash(good));
  });
});
