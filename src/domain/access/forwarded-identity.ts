import { createHmac, timingSafeEqual } from "node:crypto";
import { type Role, rolesOfScopes } from "./permissions.ts";

/** What an API gateway says of a caller whom it has authenticated, as headers. */
export const FORWARDED_HEADERS = {
  workspace: "x-forwarded-workspace",
  user: "x-forwarded-user",
  /** Scopes, separated by spaces; those such as `intervention.sender` make it a service. */
  scopes: "x-forwarded-scopes",
  /** Seconds since 1970. */
  timestamp: "x-forwarded-timestamp",
  /** `v1=` and the HMAC-SHA256 of all of these, hex. */
  proof: "x-forwarded-proof",
} as const;

export type ForwardedIdentity = {
  readonly workspaceId: string;
  readonly user: string;
  /** None: it is a user. */
  readonly roles: readonly Role[];
};

export type ForwardedVerdict =
  | { readonly kind: "absent" }
  | { readonly kind: "refused" }
  | { readonly kind: "proven"; readonly identity: ForwardedIdentity };

/** A request recorded by somebody is of no use for longer. */
const SKEW_S_MAX = 60;

/** What the proof is of. None of the parts can have a line break, since headers can't.
 *  @param path such as `/intervention.v1.InboxService/List` or `/v1/socket`. */
export function toForwardedText(path: string, header: (name: string) => string): string {
  const { workspace, user, scopes, timestamp } = FORWARDED_HEADERS;
  return ["v1", path, header(workspace), header(user), header(scopes), header(timestamp)].join("\n");
}

/** @returns `v1=` and hex. */
export const proveForwarded = (text: string, secret: string) =>
  `v1=${createHmac("sha256", secret).update(text).digest("hex")}`;

/** Believes a forwarded identity only by its proof. One that comes without, with a wrong or with an old one is refused, not
 *  passed over: something between the gateway and here is not as it should be. Without secrets nothing is ever believed, and the
 *  headers mean nothing.
 *  @param secrets two while one is being replaced. */
export function readForwarded(
  request: { readonly path: string; readonly header: (name: string) => string },
  secrets: readonly string[],
  now: Date,
): ForwardedVerdict {
  const { workspace, user, scopes, timestamp, proof } = FORWARDED_HEADERS;
  const { header } = request;
  const isThere = [workspace, user, scopes, timestamp, proof].some((name) => header(name) !== "");
  if (!isThere || secrets.length === 0) return { kind: "absent" };
  const text = toForwardedText(request.path, header);
  // All are compared, so that the time taken does not tell which secret is in use.
  const isProven = secrets.map((secret) => isSame(header(proof), proveForwarded(text, secret))).includes(true);
  const ageS = /^\d{1,12}$/.test(header(timestamp)) ? now.getTime() / 1_000 - Number(header(timestamp)) : Infinity;
  const isComplete = header(workspace) !== "" && /^[!-~]{1,128}$/.test(header(user));
  if (!isProven || !isComplete || Math.abs(ageS) > SKEW_S_MAX) return { kind: "refused" };
  const roles = rolesOfScopes(header(scopes).split(" "));
  return { kind: "proven", identity: { workspaceId: header(workspace), user: header(user), roles } };
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
