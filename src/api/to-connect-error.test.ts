import { toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it, test } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import {
  InvalidInput,
  KeyReused,
  NotAllowedNow,
  NotFound,
  OverLimit,
  PermissionDenied,
  Unauthenticated,
  Unavailable,
} from "../domain/errors.ts";
import { toCodeName, toConnectError, toSeverity, toStatus } from "./to-connect-error.ts";

const cases = [
  {
    error: new InvalidInput([{ field: "a.b", description: "no" }]),
    code: "INVALID_ARGUMENT",
    reason: "INVALID_INPUT",
    detail: BadRequestSchema,
    retryable: "false",
  },
  {
    error: new NotFound("thing", "t"),
    code: "NOT_FOUND",
    reason: "NOT_FOUND",
    detail: ResourceInfoSchema,
    retryable: "false",
  },
  {
    error: new KeyReused("k", "i"),
    code: "ALREADY_EXISTS",
    reason: "IDEMPOTENCY_KEY_REUSED",
    detail: undefined,
    retryable: "false",
  },
  {
    error: new NotAllowedNow("TYPE", "s", "no"),
    code: "FAILED_PRECONDITION",
    reason: "TYPE",
    detail: PreconditionFailureSchema,
    retryable: "false",
  },
  {
    error: new OverLimit("s", "no", 100),
    code: "RESOURCE_EXHAUSTED",
    reason: "OVER_LIMIT",
    detail: QuotaFailureSchema,
    retryable: "true",
  },
  {
    error: new Unavailable("bus"),
    code: "UNAVAILABLE",
    reason: "BUS_UNAVAILABLE",
    detail: undefined,
    retryable: "true",
  },
  {
    error: new Unauthenticated("who?"),
    code: "UNAUTHENTICATED",
    reason: "UNAUTHENTICATED",
    detail: undefined,
    retryable: "false",
  },
  {
    error: new PermissionDenied("no"),
    code: "PERMISSION_DENIED",
    reason: "PERMISSION_DENIED",
    detail: undefined,
    retryable: "false",
  },
  { error: new TypeError("secret"), code: "INTERNAL", reason: "INTERNAL", detail: undefined, retryable: "false" },
];

describe("an error on the wire", () => {
  test.each(cases)(
    "is $code for $error.constructor.name, with its reason, its detail and whether to retry",
    ({ error, code, reason, detail, retryable }) => {
      const wire = toConnectError(error);
      expect(toCodeName(wire)).toBe(code);
      const types = wire.details.map((each) => ("desc" in each ? each.desc.typeName : each.type));
      expect(types).toEqual([
        ErrorInfoSchema.typeName,
        ...(detail === undefined ? [] : [detail.typeName]),
        ...(retryable === "true" ? [RetryInfoSchema.typeName] : []),
      ]);
      const [info] = toStatus(error).details;
      const unpacked = info === undefined ? undefined : anyUnpack(info, ErrorInfoSchema);
      expect(unpacked).toMatchObject({ reason, domain: "intervention.v1", metadata: { retryable } });
    },
  );

  it("never tells the cause of a bug, and keeps it for the log", () => {
    const bug = new TypeError("secret");
    const wire = toConnectError(bug);
    expect(wire.rawMessage).toBe("internal error");
    expect(wire.cause).toBe(bug);
    expect(
      JSON.stringify(toStatus(bug).details, (_, value) => (typeof value === "bigint" ? String(value) : value)),
    ).not.toContain("secret");
    expect(toSeverity(wire)).toBe("bug");
  });

  it("stays what it is when it is one of the protocol's own", () => {
    const own = new ConnectError("too large", Code.ResourceExhausted);
    expect(toConnectError(own)).toBe(own);
  });
});

describe("errors of long input", () => {
  it("fit into header fields", () => {
    const violations = Array.from({ length: 1_000 }, (_, i) => ({
      field: `field_${i}`,
      description: "no".repeat(500),
    }));
    for (const error of [new InvalidInput(violations), new NotFound("thing", "n".repeat(100_000))]) {
      const bytes = toBinary(StatusSchema, toStatus(error)).length;
      expect(bytes).toBeGreaterThan(300);
      expect(bytes).toBeLessThan(6_000);
    }
  });

  it("say how many more fields are bad", () => {
    const violations = Array.from({ length: 1_000 }, (_, i) => ({ field: `field_${i}`, description: "no".repeat(50) }));
    const named = toConnectError(new InvalidInput(violations)).findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
    expect(named.at(-1)?.description).toBe(`and ${1_000 - (named.length - 1)} more`);
    expect(named[0]).toMatchObject({ field: "field_0" });
  });
});
