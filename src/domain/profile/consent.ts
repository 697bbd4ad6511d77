import { ConsentStatus } from "../../../gen/intervention/v1/profile_pb.js";
import { CONSENT_SUBJECTS, type ConsentSubject, toConsentKey } from "./register-keys.ts";
import type { Registers } from "./registers.ts";

/** What stands of a user's word on one channel and purpose. */
export type StandingConsent = ConsentSubject & {
  readonly status: ConsentStatus.GRANTED | ConsentStatus.DENIED;
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** The stricter stands unless the laxer is explicit and newer: only a yes that was said after the newest no outweighs it; one that
 *  was only inferred never does, and of a yes and a no of the same time the no stands.
 *  @returns undefined when nothing was ever said. */
export function findConsent(registers: Registers, subject: ConsentSubject): StandingConsent | undefined {
  const granted = registers.get(toConsentKey(subject, "granted"));
  const implied = registers.get(toConsentKey(subject, "implied"));
  const denied = registers.get(toConsentKey(subject, "denied"));
  if (denied !== undefined && (granted === undefined || granted.at <= denied.at))
    return { ...subject, status: ConsentStatus.DENIED, at: denied.at };
  const yes = granted ?? implied;
  return yes === undefined ? undefined : { ...subject, status: ConsentStatus.GRANTED, at: yes.at };
}

/** Everything that stands, by channel, then purpose. */
export const listConsents = (registers: Registers): StandingConsent[] =>
  CONSENT_SUBJECTS.flatMap((subject) => findConsent(registers, subject) ?? []);
