import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type ConsentRequest,
  ConsentRequest_State,
  ConsentRequestSchema,
} from "../../gen/intervention/v1/consent_request_pb.js";
import type { ProfileService } from "../../gen/intervention/v1/profile_service_pb.js";
import type { TemplateUse } from "../../gen/intervention/v1/template_use_pb.js";
import type { Acceptor } from "../accept/acceptor.ts";
import { toInterventionId } from "../accept/intervention-id.ts";
import { fromChannelName, toContactChannel } from "../domain/delivery/channel-names.ts";
import { InvalidInput, NotAllowedNow, OverLimit } from "../domain/errors.ts";
import { toConfirmationId, toConsentRequestState } from "../domain/profile/consent-request.ts";
import type { Workspace } from "../integrations/caller.ts";
import type { ToConfirm } from "../integrations/confirm-links.ts";
import { TemplateView } from "../integrations/template-view.ts";
import {
  type ConsentRequestDocument,
  consentId,
  findConsents,
  insertConsentRequest,
  listConsentRequests,
  type Store,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { CONFIRM_URL, toConsentMessage, toMessageKey } from "./consent-message.ts";
import { checked, parseFields, show } from "./field-checks.ts";
import { findUserIds, getProfile } from "./get-profile.ts";
import { getTraceparent } from "./interceptors.ts";
import { parseConsentRequest, toConsentRequest } from "./parse-consent-request.ts";
import { USER_ID } from "./parse-trigger.ts";
import { requireParent } from "./resource-name.ts";
import { toPin } from "./template-use.ts";

/** What asking for consents works with. */
export type ConsentRequestParts = {
  readonly store: Store;
  readonly now: () => Date;
  readonly acceptor: Pick<Acceptor, "accept">;
  /** Where one is confirmed; undefined where nobody knows how this engine is reached. */
  readonly toConfirmUrl?: ((workspace: Workspace, which: ToConfirm) => string) | undefined;
};

/** Whoever lets people enter addresses of others must not have the engine write to these again and again. */
const PENDING_MAX = 5;
const RETRY_WHEN_FULL_MS = 3_600_000;

const userSchema = z.object({ userId: checked(...USER_ID) });

/** Consents that their users confirm. */
export function consentRequestMethods(
  parts: ConsentRequestParts,
): Pick<ServiceImpl<typeof ProfileService>, "requestConsent" | "listConsentRequests"> {
  const { store, now, acceptor, toConfirmUrl } = parts;
  const templates = new TemplateView(store);
  return {
    async requestConsent(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const fields = parseConsentRequest(request);
      if (toConfirmUrl === undefined) {
        const description = "PUBLIC_URL is not set: nobody could follow a link to confirm";
        throw new NotAllowedNow("public_url", "PUBLIC_URL", description);
      }
      const made = toConsentRequest(await getProfile(store, workspace.id, fields.userId), fields, now());
      const { template } = request;
      const pin = toPin(store, workspace.id);
      await requirePlace({ templates, pin, workspace }, template);
      await requireRoom(store, made);
      const standing = await insertConsentRequest(store, made);
      requireSame(standing, made);
      // What it is recognised by is what was asked for; the version that it goes out in is the one in use now.
      const message = await pin(toConsentMessage(standing, { url: toConfirmUrl(workspace, standing), template }));
      const [result] = await acceptor.accept(workspace, [message], getTraceparent(context.values));
      if (result === undefined || result.kind === "failed") throw result?.error;
      const [consentRequest] = await toMessages(parts, workspace, [standing]);
      return consentRequest === undefined ? {} : { consentRequest };
    },
    async listConsentRequests(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { userId } = parseFields(userSchema, request);
      const ids = await findUserIds(store, workspace.id, userId);
      const found = (await Promise.all(ids.map((id) => listConsentRequests(store, workspace.id, id)))).flat();
      found.sort((a, b) => b.requestedAt.getTime() - a.requestedAt.getTime());
      return { consentRequests: await toMessages(parts, workspace, found) };
    },
  };
}

/** @throws InvalidInput when a template can't be used, or has no place for the link. */
async function requirePlace(
  known: {
    readonly templates: TemplateView;
    readonly pin: ReturnType<typeof toPin>;
    readonly workspace: Workspace;
  },
  template: TemplateUse | undefined,
): Promise<void> {
  if (template === undefined) return;
  const { templates, pin, workspace } = known;
  const { template: templateId, version } = (await pin({ template })).template;
  const found = await templates.find({ workspaceId: workspace.id, templateId, version });
  if (found?.variables.some(({ name }) => name === CONFIRM_URL) === true) return;
  throw new InvalidInput([
    { field: "template.template", description: `${show(templateId)} has no variable ${CONFIRM_URL}` },
  ]);
}

/** @throws OverLimit when too many of the user's wait already. */
async function requireRoom(store: Store, made: ConsentRequestDocument): Promise<void> {
  const all = await listConsentRequests(store, made.workspaceId, made.userId);
  const others = all.filter(({ _id, expiresAt }) => _id !== made._id && expiresAt > made.requestedAt);
  const confirmed = await findConfirmed(store, others);
  const pending = others.length - confirmed.size;
  if (pending < PENDING_MAX) return;
  throw new OverLimit(
    "consents of a user that wait to be confirmed",
    `${pending} of this user wait to be confirmed already; up to ${PENDING_MAX} may`,
    RETRY_WHEN_FULL_MS,
  );
}

/** @throws InvalidInput when a request's id stands for another one. */
function requireSame(standing: ConsentRequestDocument, made: ConsentRequestDocument): void {
  const isSame = (["channel", "address", "source", "textVersion"] as const).every(
    (name) => standing[name] === made[name],
  );
  if (isSame) return;
  const description = `${show(made.requestId)} stands for another request of this user already`;
  throw new InvalidInput([{ field: "request_id", description }]);
}

/** When those were confirmed that were. */
async function findConfirmed(
  store: Store,
  requests: readonly ConsentRequestDocument[],
): Promise<ReadonlyMap<string, Date>> {
  const ids = new Map(
    requests.map(({ _id, workspaceId, userId, requestId }) => [
      consentId({ workspaceId, userId, requestId: toConfirmationId(requestId) }),
      _id,
    ]),
  );
  const found = await findConsents(store, [...ids.keys()]);
  return new Map(found.map(({ _id, changedAt }) => [ids.get(_id) ?? _id, changedAt]));
}

const STATES = {
  pending: ConsentRequest_State.PENDING,
  confirmed: ConsentRequest_State.CONFIRMED,
  expired: ConsentRequest_State.EXPIRED,
} as const;

async function toMessages(
  { store, now }: Pick<ConsentRequestParts, "store" | "now">,
  workspace: Workspace,
  requests: readonly ConsentRequestDocument[],
): Promise<ConsentRequest[]> {
  const confirmed = await findConfirmed(store, requests);
  return requests.map((one) => {
    const { requestId, userId, channel, address, source, textVersion, requestedAt, expiresAt } = one;
    const confirmedAt = confirmed.get(one._id);
    return create(ConsentRequestSchema, {
      ...{ requestId, userId, address, source, textVersion, channel: toContactChannel(fromChannelName(channel)) },
      state: STATES[toConsentRequestState({ expiresAt, confirmedAt }, now())],
      ...{ createTime: timestampFromDate(requestedAt), expireTime: timestampFromDate(expiresAt) },
      ...(confirmedAt === undefined ? {} : { confirmTime: timestampFromDate(confirmedAt) }),
      interventionId: toInterventionId(workspace, toMessageKey(one)),
    });
  });
}
