import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { assertNever } from "../domain/assert.ts";
import {
  AlreadyExists,
  DomainError,
  InvalidInput,
  KeyReused,
  NotAllowedNow,
  NotFound,
  OverLimit,
  PermissionDenied,
  StaleEtag,
  Unauthenticated,
  Unavailable,
} from "../domain/errors.ts";
import { addDetails, ERROR_DOMAIN } from "./add-details.ts";
import { shorten } from "./shorten.ts";

const MESSAGE_MAX = 1_000;
const NAME_MAX = 200;
/** Of all violations together, so that the details fit into a header field whatever was sent. */
const VIOLATIONS_MAX = 3_000;

type Detail = { readonly desc: DescMessage; readonly value: MessageInitShape<DescMessage> };
type WireError = { readonly code: Code; readonly message: string; readonly details: Detail[] };

/** What a caller gets for anything that was thrown. The cause stays on the error for the log and never reaches the wire. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) {
    addDetails(error);
    return error;
  }
  const { code, message, details } = toWireError(error);
  return new ConnectError(message, code, undefined, details, error);
}

/** The same error as data, where it is one answer among several. */
export function toStatus(error: unknown): Status {
  const { code, message, details } = toWireError(error);
  return create(StatusSchema, {
    code,
    message,
    details: details.map(({ desc, value }) => anyPack(desc, create(desc, value))),
  });
}

/** A closed set of names for metrics and logs, such as `INVALID_ARGUMENT`. */
export function toCodeName(error: ConnectError | undefined): string {
  if (error === undefined) return "OK";
  return Code[error.code].replaceAll(/(?<!^)([A-Z])/g, "_$1").toUpperCase();
}

/** Who must look at it: a bug is for us, a part that does not answer is for an operator, the rest is the caller's. */
export function toSeverity(error: ConnectError): "bug" | "outage" | "caller" {
  if (error.code === Code.Internal || error.code === Code.Unknown || error.code === Code.DataLoss) return "bug";
  return error.code === Code.Unavailable ? "outage" : "caller";
}

/** The call was given up by its caller. */
export const toCanceled = () => new ConnectError("the caller has gone", Code.Canceled);

function toWireError(error: unknown): WireError {
  if (error instanceof DomainError) {
    const { code, reason, metadata, details } = describe(toKnown(error));
    return {
      code,
      message: shorten(error.message, MESSAGE_MAX),
      details: [toErrorInfo(reason, error, metadata), ...details, ...toRetryInfo(error)],
    };
  }
  if (error instanceof Error && error.name === "AbortError")
    return { code: Code.Canceled, message: "the caller has gone", details: [] };
  return { code: Code.Internal, message: "internal error", details: [toErrorInfo("INTERNAL", error)] };
}

type Known =
  | InvalidInput
  | NotFound
  | KeyReused
  | NotAllowedNow
  | OverLimit
  | Unavailable
  | Unauthenticated
  | PermissionDenied
  | AlreadyExists
  | StaleEtag;
const KNOWN = [
  InvalidInput,
  NotFound,
  KeyReused,
  NotAllowedNow,
  OverLimit,
  Unavailable,
  Unauthenticated,
  PermissionDenied,
  AlreadyExists,
  StaleEtag,
];

function toKnown(error: DomainError): Known {
  if (KNOWN.some((kind) => error instanceof kind)) return error as Known;
  throw new Error(`the domain error ${error.kind} has no place on the wire`);
}

type Description = {
  readonly code: Code;
  readonly reason: string;
  readonly metadata?: Record<string, string>;
  readonly details: Detail[];
};

function describe(error: Known): Description {
  switch (error.kind) {
    case "invalid_input":
      return {
        code: Code.InvalidArgument,
        reason: "INVALID_INPUT",
        details: [toDetail(BadRequestSchema, { fieldViolations: toFieldViolations(error.violations) })],
      };
    case "not_found": {
      const { resourceType } = error;
      const resourceName = shorten(error.resourceName, NAME_MAX);
      return {
        code: Code.NotFound,
        reason: "NOT_FOUND",
        details: [
          toDetail(ResourceInfoSchema, { resourceType, resourceName, description: shorten(error.message, NAME_MAX) }),
        ],
      };
    }
    case "key_reused":
      return {
        code: Code.AlreadyExists,
        reason: "IDEMPOTENCY_KEY_REUSED",
        metadata: { idempotency_key: shorten(error.idempotencyKey, NAME_MAX), intervention_id: error.interventionId },
        details: [],
      };
    case "not_allowed_now": {
      const violations = [
        {
          type: error.type,
          subject: shorten(error.subject, NAME_MAX),
          description: shorten(error.message, MESSAGE_MAX),
        },
      ];
      return {
        code: Code.FailedPrecondition,
        reason: error.type,
        details: [toDetail(PreconditionFailureSchema, { violations })],
      };
    }
    case "over_limit": {
      const violations = [
        { subject: shorten(error.subject, NAME_MAX), description: shorten(error.message, MESSAGE_MAX) },
      ];
      return {
        code: Code.ResourceExhausted,
        reason: "OVER_LIMIT",
        details: [toDetail(QuotaFailureSchema, { violations })],
      };
    }
    case "unavailable":
      return { code: Code.Unavailable, reason: `${error.part.toUpperCase()}_UNAVAILABLE`, details: [] };
    case "unauthenticated":
      return { code: Code.Unauthenticated, reason: "UNAUTHENTICATED", details: [] };
    case "already_exists": {
      const { resourceType } = error;
      const resourceName = shorten(error.resourceName, NAME_MAX);
      return {
        code: Code.AlreadyExists,
        reason: "ALREADY_EXISTS",
        details: [
          toDetail(ResourceInfoSchema, { resourceType, resourceName, description: shorten(error.message, NAME_MAX) }),
        ],
      };
    }
    case "stale_etag":
      return {
        code: Code.Aborted,
        reason: "ETAG_MISMATCH",
        metadata: { resource: shorten(error.resourceName, NAME_MAX) },
        details: [],
      };
    case "permission_denied":
      return { code: Code.PermissionDenied, reason: "PERMISSION_DENIED", details: [] };
    default:
      return assertNever(error);
  }
}

/** As many as fit, and how many there are beyond them. */
function toFieldViolations(violations: InvalidInput["violations"]): { field: string; description: string }[] {
  const result: { field: string; description: string }[] = [];
  let size = 0;
  for (const violation of violations) {
    const field = shorten(violation.field, NAME_MAX);
    const description = shorten(violation.description, NAME_MAX * 2);
    size += field.length + description.length;
    if (size > VIOLATIONS_MAX) {
      return [...result, { field: "", description: `and ${violations.length - result.length} more` }];
    }
    result.push({ field, description });
  }
  return result;
}

/** Every error says whether the same call may be tried again; RetryInfo says when. */
function toErrorInfo(reason: string, error: unknown, metadata: Record<string, string> = {}): Detail {
  return toDetail(ErrorInfoSchema, {
    reason,
    domain: ERROR_DOMAIN,
    metadata: { ...metadata, retryable: String(isRetryable(error)) },
  });
}

function toRetryInfo(error: DomainError): Detail[] {
  return isRetryable(error) ? [toDetail(RetryInfoSchema, { retryDelay: durationFromMs(error.retryAfterMs) })] : [];
}

const isRetryable = (error: unknown): error is Unavailable | OverLimit =>
  error instanceof Unavailable || error instanceof OverLimit;

/** Ties a detail's value to its type, which the wire types of Connect do not. */
const toDetail = <Desc extends DescMessage>(desc: Desc, value: MessageInitShape<Desc>): Detail => ({
  desc,
  value: value as Detail["value"],
});
