/** A field of a request that is not as it must be. */
export type FieldViolation = {
  /** Its path, such as `content.actions[2].id`. */
  readonly field: string;
  /** What came, and what is allowed. */
  readonly description: string;
};

/** Common ground of the errors the engine expects; `kind` tells them apart. Anything else that is thrown is a bug. */
export abstract class DomainError extends Error {
  abstract readonly kind:
    | "invalid_input"
    | "not_found"
    | "key_reused"
    | "not_allowed_now"
    | "over_limit"
    | "unavailable"
    | "unauthenticated"
    | "permission_denied"
    | "already_exists"
    | "stale_etag";
}

/** The caller sent something that can never be right. Names every bad field at once. */
export class InvalidInput extends DomainError {
  readonly kind = "invalid_input";
  readonly violations: readonly FieldViolation[];
  constructor(violations: readonly FieldViolation[]) {
    super(violations.map(({ field, description }) => `${field}: ${description}`).join("; "));
    this.violations = violations;
  }
}

/** There is no such thing in the caller's workspace; also said of what belongs to another workspace. */
export class NotFound extends DomainError {
  readonly kind = "not_found";
  readonly resourceType: string;
  readonly resourceName: string;
  constructor(resourceType: string, resourceName: string) {
    super(`there is no ${resourceType} "${resourceName}" in this workspace`);
    this.resourceType = resourceType;
    this.resourceName = resourceName;
  }
}

/** The idempotency key was used before, with another body. */
export class KeyReused extends DomainError {
  readonly kind = "key_reused";
  readonly idempotencyKey: string;
  readonly interventionId: string;
  constructor(idempotencyKey: string, interventionId: string) {
    super(
      `the idempotency key "${idempotencyKey}" already stands for intervention ${interventionId}, which has another body: use a new key for a new intervention`,
    );
    this.idempotencyKey = idempotencyKey;
    this.interventionId = interventionId;
  }
}

/** The thing is there, but its state does not allow what was asked. */
export class NotAllowedNow extends DomainError {
  readonly kind = "not_allowed_now";
  readonly type: string;
  readonly subject: string;
  constructor(type: string, subject: string, description: string) {
    super(description);
    this.type = type;
    this.subject = subject;
  }
}

/** A limit was exceeded; it may be tried again later. */
export class OverLimit extends DomainError {
  readonly kind = "over_limit";
  readonly subject: string;
  readonly retryAfterMs: number;
  constructor(subject: string, description: string, retryAfterMs: number) {
    super(description);
    this.subject = subject;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A part the engine stands on does not answer. Trying again is right; what was asked may or may not have happened. */
export class Unavailable extends DomainError {
  readonly kind = "unavailable";
  readonly part: "bus" | "store" | "engine" | "provider";
  readonly retryAfterMs: number;
  constructor(
    part: "bus" | "store" | "engine" | "provider",
    options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
  ) {
    super(`the ${part} does not answer at the moment`, { cause: options.cause });
    this.part = part;
    this.retryAfterMs = options.retryAfterMs ?? 250;
  }
}

/** No credential, or one that is not known. */
export class Unauthenticated extends DomainError {
  readonly kind = "unauthenticated";
}

/** A known caller who may not do this. */
export class PermissionDenied extends DomainError {
  readonly kind = "permission_denied";
}

/** Something of this name is there already. */
export class AlreadyExists extends DomainError {
  readonly kind = "already_exists";
  readonly resourceType: string;
  readonly resourceName: string;
  constructor(resourceType: string, resourceName: string) {
    super(`there is a ${resourceType} "${resourceName}" already`);
    this.resourceType = resourceType;
    this.resourceName = resourceName;
  }
}

/** The thing has changed since the caller read it. */
export class StaleEtag extends DomainError {
  readonly kind = "stale_etag";
  readonly resourceName: string;
  constructor(resourceName: string) {
    super(`${resourceName} has changed since it was read: read it again, and send the etag that it has then`);
    this.resourceName = resourceName;
  }
}
