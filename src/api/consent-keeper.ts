import { InvalidInput } from "../domain/errors.ts";
import { type ConsentSubject, type ConsentWord, toConsentKey, toConsentName } from "../domain/profile/register-keys.ts";
import { type ConsentDocument, consentId, type ProfileDocument, recordConsent, type Store } from "../store/index.ts";
import type { ProfileKeeper } from "./profile-keeper.ts";

/** One thing that a user has said. */
export type SaidConsent = ConsentSubject & {
  readonly userId: string;
  readonly word: ConsentWord;
  readonly changedAt: Date;
  /** Whether that is only the engine's own clock: then what was recorded under the same id before is the same. */
  readonly isTimeOwn: boolean;
  /** Where it was said. */
  readonly source: string;
  /** Which text was agreed to. */
  readonly textVersion: string;
  /** The same for what is said again. */
  readonly requestId: string;
};

/** Keeps what users agree to: for good in the history, and as what stands in the profile. */
export class ConsentKeeper {
  readonly #parts: { readonly store: Store; readonly now: () => Date; readonly keeper: Pick<ProfileKeeper, "apply"> };

  constructor(parts: {
    readonly store: Store;
    readonly now: () => Date;
    readonly keeper: Pick<ProfileKeeper, "apply">;
  }) {
    this.#parts = parts;
  }

  /** Doing it again does nothing.
   *  @returns the profile as it stands.
   *  @throws InvalidInput when the request's id stands for something else, or the profile has become too large. */
  async say(workspaceId: string, said: SaidConsent): Promise<ProfileDocument> {
    const { store, now, keeper } = this.#parts;
    const { userId, word, changedAt, source, textVersion, requestId } = said;
    const document: ConsentDocument = {
      _id: consentId({ workspaceId, userId, requestId }),
      ...{ workspaceId, userId, word, changedAt, recordedAt: now(), source, textVersion, requestId },
      subject: toConsentName(said),
    };
    // The history first: what stands never says more than it. A call that ends in between is repeated by its caller.
    const recorded = await recordConsent(store, document);
    if (!isSame(recorded, document, said.isTimeOwn))
      throw new InvalidInput([
        { field: "request_id", description: `"${requestId}" stands for another change of this user already` },
      ]);
    const changes = new Map([
      [toConsentKey(said, word), { value: true, at: recorded.changedAt.getTime(), id: requestId }],
    ]);
    const [result] = await keeper.apply(workspaceId, [{ userId, changes }]);
    if (result === undefined || result.kind === "refused") throw result?.error;
    return result.document;
  }
}

const isSame = (one: ConsentDocument, other: ConsentDocument, isTimeOwn: boolean) =>
  one.subject === other.subject &&
  one.word === other.word &&
  one.source === other.source &&
  one.textVersion === other.textVersion &&
  (isTimeOwn || one.changedAt.getTime() === other.changedAt.getTime());
