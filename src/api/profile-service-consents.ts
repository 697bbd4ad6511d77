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
import { findConsent } from "../domain/profile/consent.ts";
import { fromConsentName, toConsentWord } from "../domain/profile/register-keys.ts";
import { fromRegistersText } from "../domain/profile/registers.ts";
import { toConsent } from "../domain/profile/to-profile.ts";
import { type ConsentDocument, listConsentChanges, type Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import type { ConsentKeeper } from "./consent-keeper.ts";
import { checked, parseFields } from "./field-checks.ts";
import { findUserIds } from "./get-profile.ts";
import { parseSetConsent } from "./parse-profile.ts";
import { USER_ID } from "./parse-trigger.ts";
import { requireParent } from "./resource-name.ts";

type ConsentParts = { readonly store: Store; readonly now: () => Date; readonly consents: ConsentKeeper };

const userSchema = z.object({ userId: checked(...USER_ID) });

/** What users have agreed to: said and looked up. */
export function consentMethods({
  store,
  now,
  consents,
}: ConsentParts): Pick<ServiceImpl<typeof ProfileService>, "setConsent" | "listConsentHistory"> {
  return {
    async setConsent(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const change = parseSetConsent(request, now());
      const isTimeOwn = request.changeTime === undefined;
      const document = await consents.say(workspaceId, {
        ...change,
        ...{ word: toConsentWord(change.status, change.implied), isTimeOwn },
        requestId: change.requestId || toRequestId(isTimeOwn ? undefined : change),
      });
      const standing = findConsent(fromRegistersText(document.registers), change);
      return standing === undefined ? {} : { consent: toConsent(standing) };
    },
    async listConsentHistory(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const { userId } = parseFields(userSchema, request);
      const ids = await findUserIds(store, workspaceId, userId);
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
