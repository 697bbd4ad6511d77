import { createHash, randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { ConsentStatus } from "../../gen/intervention/v1/profile_pb.js";
import {
  type ConsentChange,
  ConsentChangeSchema,
  type ProfileService,
} from "../../gen/intervention/v1/profile_service_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { findConsent } from "../domain/profile/consent.ts";
import { fromConsentName, toConsentKey, toConsentName, toConsentWord } from "../domain/profile/register-keys.ts";
import { fromRegistersText } from "../domain/profile/registers.ts";
import { toConsent } from "../domain/profile/to-profile.ts";
import {
  type ConsentDocument,
  consentId,
  findProfiles,
  listConsentChanges,
  profileId,
  recordConsent,
  type Store,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields } from "./field-checks.ts";
import { parseSetConsent } from "./parse-profile.ts";
import { USER_ID } from "./parse-trigger.ts";
import type { ProfileKeeper } from "./profile-keeper.ts";
import { requireParent } from "./resource-name.ts";

type ConsentParts = { readonly store: Store; readonly now: () => Date; readonly keeper: ProfileKeeper };

const userSchema = z.object({ userId: checked(...USER_ID) });

/** What users have agreed to: said and looked up. */
export function consentMethods({
  store,
  now,
  keeper,
}: ConsentParts): Pick<ServiceImpl<typeof ProfileService>, "setConsent" | "listConsentHistory"> {
  return {
    async setConsent(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const recordedAt = now();
      const change = parseSetConsent(request, recordedAt);
      const { userId, changedAt, source, textVersion } = change;
      const word = toConsentWord(change.status, change.implied);
      const requestId = change.requestId || toRequestId(request.changeTime === undefined ? undefined : change);
      const document: ConsentDocument = {
        _id: consentId({ workspaceId, userId, requestId }),
        ...{ workspaceId, userId, word, changedAt, recordedAt, source, textVersion, requestId },
        subject: toConsentName(change),
      };
      // The history first: what stands never says more than it. A call that ends in between is repeated by its caller.
      const recorded = await recordConsent(store, document);
      if (!isSame(recorded, document, request.changeTime === undefined))
        throw new InvalidInput([
          { field: "request_id", description: `"${requestId}" stands for another change of this user already` },
        ]);
      const changes = new Map([
        [toConsentKey(change, word), { value: true, at: recorded.changedAt.getTime(), id: requestId }],
      ]);
      const [result] = await keeper.apply(workspaceId, [{ userId, changes }]);
      if (result === undefined || result.kind === "refused") throw result?.error;
      const standing = findConsent(fromRegistersText(result.document.registers), change);
      return standing === undefined ? {} : { consent: toConsent(standing) };
    },
    async listConsentHistory(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const { userId } = parseFields(userSchema, request);
      const profile = (await findProfiles(store, [{ workspaceId, userId }])).get(profileId(workspaceId, userId));
      const ids = profile === undefined ? [userId] : [profile.userId, ...profile.aliases];
      const changes = (await Promise.all(ids.map((id) => listConsentChanges(store, workspaceId, id)))).flat();
      changes.sort((a, b) => b.changedAt.getTime() - a.changedAt.getTime());
      return { changes: changes.map(toConsentChange) };
    },
  };
}

/** Made from the change, so that the same one said again is the same; made up for one that has no time of its own. */
function toRequestId(change: ReturnType<typeof parseSetConsent> | undefined): string {
  if (change === undefined) return randomUUID();
  const { channel, purpose, status, changedAt, source, textVersion, implied } = change;
  const parts = [channel, purpose, status, changedAt.getTime(), source, textVersion, implied];
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}

/** A repeated call whose time is its own clock's counts as the first one. */
const isSame = (one: ConsentDocument, other: ConsentDocument, isTimeFree: boolean) =>
  one.subject === other.subject &&
  one.word === other.word &&
  one.source === other.source &&
  one.textVersion === other.textVersion &&
  (isTimeFree || one.changedAt.getTime() === other.changedAt.getTime());

function toConsentChange(document: ConsentDocument): ConsentChange {
  const { userId, subject, word, changedAt, recordedAt, source, textVersion, requestId } = document;
  return create(ConsentChangeSchema, {
    ...{ userId, source, textVersion, requestId },
    ...fromConsentName(subject),
    status: word === "denied" ? ConsentStatus.DENIED : ConsentStatus.GRANTED,
    implied: word === "implied",
    changeTime: timestampFromDate(changedAt),
    recordTime: timestampFromDate(recordedAt),
  });
}
