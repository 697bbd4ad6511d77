import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type MergeRecord,
  MergeRecordSchema,
  type ProfileService,
  type UpsertRequest,
  type UpsertResult,
  UpsertResultSchema,
} from "../../gen/intervention/v1/profile_service_pb.js";
import { InvalidInput, NotFound } from "../domain/errors.ts";
import { fromRegistersText } from "../domain/profile/registers.ts";
import { toProfile } from "../domain/profile/to-profile.ts";
import { listProfileMerges, listProfiles, type ProfileDocument, type ProfileMergeDocument } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { ConsentKeeper } from "./consent-keeper.ts";
import { type ConsentRequestParts, consentRequestMethods } from "./consent-request-methods.ts";
import { checked, parseFields } from "./field-checks.ts";
import { getProfile } from "./get-profile.ts";
import { type ImportParts, importProfiles } from "./import-profiles.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { parseUpsert } from "./parse-profile.ts";
import { parseSearch } from "./parse-search.ts";
import { USER_ID } from "./parse-trigger.ts";
import { ProfileKeeper, type ProfileKeeperParts, type UserChange } from "./profile-keeper.ts";
import { consentMethods } from "./profile-service-consents.ts";
import { requireParent } from "./resource-name.ts";
import { toStatus } from "./to-connect-error.ts";

/** What profiles are kept with. */
export type ProfileParts = Omit<ImportParts, "keeper"> & ProfileKeeperParts & ConsentRequestParts;

const BATCH_REQUESTS_MAX = 1_000;
const PAGE_SIZE = { fallback: 50, max: 200 };
const positionSchema = z.tuple([z.string()]);
const userSchema = z.object({ userId: checked(...USER_ID) });
const mergeSchema = z
  .object({ fromUserId: checked(...USER_ID), intoUserId: checked(...USER_ID) })
  .refine(({ fromUserId, intoUserId }) => fromUserId !== intoUserId, {
    path: ["intoUserId"],
    error: "it is the same as from_user_id; two ids are needed",
  });

/** What is known of users: said, asked, searched and merged. */
export function profileService(parts: ProfileParts): ServiceImpl<typeof ProfileService> {
  const { store, now } = parts;
  const keeper = new ProfileKeeper(parts);
  return {
    ...consentRequestMethods(parts),
    ...consentMethods({ store, now, consents: new ConsentKeeper({ store, now, keeper }) }),
    async upsert(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const [result] = await keeper.apply(workspaceId, [parseUpsert(request, now())]);
      if (result === undefined || result.kind === "refused") throw result?.error;
      return { profile: toView(result.document) };
    },
    async batchUpsert(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const { length } = request.requests;
      if (length < 1 || length > BATCH_REQUESTS_MAX)
        throw new InvalidInput([
          { field: "requests", description: `there are ${length}; 1 to ${BATCH_REQUESTS_MAX} are allowed` },
        ]);
      return { results: await upsertAll(keeper, { workspaceId, requests: request.requests, now: now() }) };
    },
    import: (requests, context) => importProfiles(requests, { ...parts, keeper, context }),
    async get(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      return { profile: toView(await getProfile(store, workspaceId, parseFields(userSchema, request).userId)) };
    },
    async search(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const by = parseSearch(request.by, parts.indexedAttributes);
      const scope = ["profiles", workspaceId, JSON.stringify(by)];
      const [after] = parsePageToken(request.pageToken, scope, positionSchema) ?? [];
      const found = await listProfiles(store, {
        ...{ workspaceId, by, limit: size + 1 },
        ...(after === undefined ? {} : { after }),
      });
      const page = found.slice(0, size);
      const last = page.at(-1);
      const nextPageToken = found.length > size && last !== undefined ? toPageToken([last.userId], scope) : "";
      return { profiles: page.map(toView), nextPageToken };
    },
    async merge(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const { fromUserId: from, intoUserId: into } = parseFields(mergeSchema, request);
      const { document, alreadyMerged } = await keeper.merge(workspaceId, { from, into });
      return { profile: toView(document), alreadyMerged };
    },
    async listMerges(request, context) {
      const workspaceId = getService(context.values).workspace.id;
      requireParent(request.parent, workspaceId);
      const profile = await getProfile(store, workspaceId, parseFields(userSchema, request).userId);
      const ids = [profile.userId, ...profile.aliases];
      const merges = (await Promise.all(ids.map((id) => listProfileMerges(store, workspaceId, id)))).flat();
      merges.sort((a, b) => b.mergedAt.getTime() - a.mergedAt.getTime());
      return { merges: merges.map(toMergeRecord) };
    },
  };
}

async function upsertAll(
  keeper: ProfileKeeper,
  batch: { readonly workspaceId: string; readonly requests: readonly UpsertRequest[]; readonly now: Date },
): Promise<UpsertResult[]> {
  const parsed = batch.requests.map((request) => tryParse(request, batch));
  const good = parsed.flatMap((one) => (one instanceof InvalidInput || one instanceof NotFound ? [] : one));
  const applied = (await keeper.apply(batch.workspaceId, good)).values();
  return parsed.map((one) => {
    const result = one instanceof Error ? { kind: "refused" as const, error: one } : applied.next().value;
    return create(UpsertResultSchema, {
      result:
        result?.kind === "kept"
          ? { case: "userId", value: result.document.userId }
          : { case: "error", value: toStatus(result?.error) },
    });
  });
}

function tryParse(
  request: UpsertRequest,
  { workspaceId, now }: { readonly workspaceId: string; readonly now: Date },
): UserChange | InvalidInput | NotFound {
  try {
    requireParent(request.parent, workspaceId);
    return parseUpsert(request, now);
  } catch (error) {
    if (error instanceof InvalidInput || error instanceof NotFound) return error;
    throw error;
  }
}

const toView = ({ userId, registers, aliases }: ProfileDocument) =>
  toProfile(userId, fromRegistersText(registers), aliases);

const toMergeRecord = ({ from, into, mergedAt, taken, outdated }: ProfileMergeDocument): MergeRecord =>
  create(MergeRecordSchema, {
    fromUserId: from,
    intoUserId: into,
    mergeTime: timestampFromDate(mergedAt),
    taken: [...taken],
    outdated: [...outdated],
  });
