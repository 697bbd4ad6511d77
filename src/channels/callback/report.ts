import type { z } from "zod";
import type { ReportKind } from "../../domain/delivery/report.ts";
import type { Judged } from "../../domain/tracking/classify-actor.ts";

/** What a provider tells of one message that it had taken. */
export type Report = {
  readonly kind: ReportKind;
  /** As it named the message when it took it. */
  readonly providerMessageId: string;
  /** Tells it from others of its kind about the same message. */
  readonly id: string;
  readonly at: Date;
  /** The provider's words, without whom they are about; may be empty. */
  readonly reason: string;
  /** Who displayed or clicked. */
  readonly judged?: Judged;
  /** Addresses that it says something of, and what is not sent to them any more. */
  readonly addresses: readonly string[];
  readonly suppression?: {
    readonly scope: "all" | "marketing";
    readonly reason: "bounce" | "complaint" | "unsubscribe";
  };
};

/** Why a callback is not taken.
 *
 *  - `forged`: nobody who may has signed it, or not for this account, or too long ago.
 *  - `malformed`: it can't be read.
 *  - `unsigned`: nobody has signed it, which the provider itself does when it has a fault; it is to come again. */
export class CallbackRefused extends Error {
  readonly reason: "forged" | "malformed" | "unsigned";

  constructor(reason: CallbackRefused["reason"], message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.reason = reason;
  }
}

/** What is signed is good for so long: providers try again for up to an hour, and nobody else has longer to send it once more. */
const FRESH_MS = 3_600_000;
/** Clocks may differ by so much. */
const AHEAD_MS = 300_000;

/** @throws CallbackRefused when something was signed too long ago, or is to be signed later. */
export function requireFresh(at: Date, now: Date): void {
  const ageMs = now.getTime() - at.getTime();
  if (ageMs > FRESH_MS)
    throw new CallbackRefused("forged", `it was signed ${Math.round(ageMs / 1_000)} s ago; up to 3600 are allowed`);
  if (!(ageMs >= -AHEAD_MS)) throw new CallbackRefused("forged", "it was signed at a time that is yet to come");
}

/** Parses what a provider says in JSON.
 *  @param what it is to be, for the error. @throws CallbackRefused */
export function parseSaid<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CallbackRefused("malformed", `it is no ${what}: not JSON`, { cause });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new CallbackRefused("malformed", `it is no ${what}: ${issue?.path.join(".")}: ${issue?.message}`);
}

const REASON_CHARACTERS_MAX = 300;

/** A provider's words in one line, without any address. */
export const toReason = (...parts: readonly (string | undefined)[]): string =>
  parts
    .filter((part) => part !== undefined && part !== "")
    .join(": ")
    .replaceAll(/[^\s<>"'():;,]+@[^\s<>"'():;,]+/g, "…")
    .replaceAll(/\+?\d{7,15}/g, "…")
    .replaceAll(/\p{Cc}+/gu, " ")
    .slice(0, REASON_CHARACTERS_MAX);
