import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import {
  type Suppression,
  SuppressionReason,
  SuppressionReasonSchema,
  SuppressionSchema,
  SuppressionScope,
  SuppressionScopeSchema,
  type SuppressionService,
} from "../../gen/intervention/v1/suppression_service_pb.js";
import { fromChannelName, toContactChannel, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import {
  type AddressOf,
  deleteSuppression,
  findSuppressions,
  hashOf,
  insertSuppressions,
  listSuppressions,
  type Store,
  type SuppressionDocument,
  type SuppressionReasonName,
  type SuppressionScopeName,
} from "../store/index.ts";
import { addressSchema } from "./address-checks.ts";
import { getService } from "./authenticate.ts";
import { checked, memberOf, parseFields, text, withoutControlCharacters } from "./field-checks.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";

/** What suppressing works with. */
export type SuppressionParts = { readonly store: Store; readonly now: () => Date };

const PAGE_SIZE = { fallback: 100, max: 1_000 };
const positionSchema = z.tuple([z.string()]);

const SCOPES: Readonly<Record<SuppressionScope, SuppressionScopeName>> = {
  [SuppressionScope.UNSPECIFIED]: "all",
  [SuppressionScope.ALL]: "all",
  [SuppressionScope.MARKETING]: "marketing",
};
const REASONS: Readonly<Record<SuppressionReason, SuppressionReasonName>> = {
  [SuppressionReason.UNSPECIFIED]: "manual",
  [SuppressionReason.DEAD]: "dead",
  [SuppressionReason.BOUNCE]: "bounce",
  [SuppressionReason.COMPLAINT]: "complaint",
  [SuppressionReason.UNSUBSCRIBE]: "unsubscribe",
  [SuppressionReason.MANUAL]: "manual",
};

/** An address in the form that its channel takes. */
export const addressFields = z
  .object({
    channel: checked<Channel>((channel) =>
      toOutsideChannel(channel) === undefined || channel === Channel.WEBHOOK
        ? "it is not EMAIL, SMS or PUSH"
        : undefined,
    ),
    address: z.string(),
  })
  .superRefine(({ channel, address }, context) => {
    const parsed = addressSchema.safeParse({ channel: toContactChannel(channel), address });
    for (const { message, path } of parsed.error?.issues ?? [])
      if (path[0] === "address") context.addIssue({ code: "custom", path: ["address"], message });
  })
  .transform(({ channel, address }): AddressOf => ({ channel: toOutsideChannel(channel) ?? "email", address }));
const scopeField = z.object({
  scope: checked<SuppressionScope>(memberOf(SuppressionScopeSchema, { allowUnspecified: true })),
});
const saidFields = z.object({
  reason: checked<SuppressionReason>(memberOf(SuppressionReasonSchema, { allowUnspecified: true })),
  source: checked(text({ max: 200 }), withoutControlCharacters),
});
const addSchema = z.object({
  suppressions: z
    .array(addressFields.and(scopeField).and(saidFields))
    .min(1, "there are 0; 1 to 1000 are allowed")
    .max(1_000, "there are too many; 1 to 1000 are allowed"),
});

/** The addresses that a workspace sends nothing to. */
export function suppressionService({ store, now }: SuppressionParts): ServiceImpl<typeof SuppressionService> {
  return {
    async addSuppressions(request, context) {
      const { workspace } = getService(context.values);
      const given = parseFields(addSchema, request).suppressions.map(({ scope, reason, ...more }) => ({
        ...more,
        scope: SCOPES[scope],
        reason: REASONS[reason],
      }));
      return { addedCount: await insertSuppressions(store, workspace, given, now()) };
    },
    async removeSuppression(request, context) {
      const { workspace } = getService(context.values);
      const { scope, ...address } = parseFields(addressFields.and(scopeField), request);
      await deleteSuppression(store, workspace, { ...address, scope: SCOPES[scope] });
      return {};
    },
    async findSuppressions(request, context) {
      const { workspace } = getService(context.values);
      const found = await findSuppressions(store, workspace, [parseFields(addressFields, request)]);
      return { suppressions: [...found.values()].flat().map(toSuppression) };
    },
    async listSuppressions(request, context) {
      const { workspace } = getService(context.values);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["suppressions", workspace.id];
      const [after = ""] = parsePageToken(request.pageToken, scope, positionSchema) ?? [];
      const found = await listSuppressions(store, { workspaceId: workspace.id, after, limit: size + 1 });
      const page = found.slice(0, size);
      const last = page.at(-1);
      return {
        suppressions: page.map(toSuppression),
        nextPageToken: found.length > size && last !== undefined ? toPageToken([last.key], scope) : "",
      };
    },
  };
}

function toSuppression(document: SuppressionDocument): Suppression {
  const { channel, scope, reason, source, createdAt } = document;
  return create(SuppressionSchema, {
    channel: fromChannelName(channel),
    scope: scope === "all" ? SuppressionScope.ALL : SuppressionScope.MARKETING,
    reason: SuppressionReason[reason.toUpperCase() as Uppercase<SuppressionReasonName>],
    source,
    createTime: timestampFromDate(createdAt),
    addressHash: hashOf(document),
  });
}
