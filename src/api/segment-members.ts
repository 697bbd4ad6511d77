import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { Segment } from "../../gen/intervention/v1/segment_pb.js";
import type { SegmentService } from "../../gen/intervention/v1/segment_service_pb.js";
import { NotAllowedNow } from "../domain/errors.ts";
import {
  listKeyed,
  noteShopperChanges,
  PLACES,
  readPlaces,
  SPAN_FIRST,
  type Store,
  setListed,
  toMemberKey,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields } from "./field-checks.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { USER_ID } from "./parse-trigger.ts";
import type { SegmentKeeper } from "./segment-keeper.ts";
import { parseSegmentName } from "./segment-name.ts";

const PAGE_SIZE = { fallback: 100, max: 1_000 };
const positionSchema = z.tuple([z.number().int().min(0).max(PLACES)]);
const MEMBERS_MAX = 10_000;
const membersSchema = z.object({
  userIds: z
    .array(checked(...USER_ID))
    .min(1, `there are 0; 1 to ${MEMBERS_MAX} are allowed`)
    .max(MEMBERS_MAX, `there are too many; 1 to ${MEMBERS_MAX} are allowed`),
});

type Parts = { readonly store: Store; readonly keeper: SegmentKeeper };

/** Who is in a segment: said, and listed. */
export function memberMethods({
  store,
  keeper,
}: Parts): Pick<ServiceImpl<typeof SegmentService>, "addMembers" | "removeMembers" | "listMembers"> {
  const setAll = async (workspaceId: string, name: string, given: object, isIn: boolean) => {
    const { userIds } = parseFields(membersSchema, given);
    const segment = await keeper.get(workspaceId, parseSegmentName(name, workspaceId));
    requireList(segment);
    const changed = await setListed(store, { workspaceId, userIds, segmentId: segment.segmentId, isIn });
    // Noted for all: a call before this one may have ended between the two.
    await noteShopperChanges(
      store,
      userIds.map((userId) => ({ workspaceId, userId })),
    );
    return changed;
  };
  return {
    async addMembers({ name, userIds }, context) {
      return { added: await setAll(getService(context.values).workspace.id, name, { userIds }, true) };
    },
    async removeMembers({ name, userIds }, context) {
      return { removed: await setAll(getService(context.values).workspace.id, name, { userIds }, false) };
    },
    async listMembers({ name, pageSize, pageToken }, context) {
      const { workspace } = getService(context.values);
      const size = parsePageSize(pageSize, PAGE_SIZE);
      const segmentId = parseSegmentName(name, workspace.id);
      const scope = ["members", workspace.id, segmentId];
      const [from = 0] = parsePageToken(pageToken, scope, positionSchema) ?? [];
      const key = toMemberKey((await keeper.get(workspace.id, segmentId)).segmentId);
      const page = await readPlaces({
        ...{ from, span: SPAN_FIRST, pageMax: size },
        find: (range) => listKeyed(store, { workspaceId: workspace.id, key, ...range }),
      });
      return {
        userIds: [...page.found],
        nextPageToken: page.until < PLACES ? toPageToken([page.until], scope) : "",
      };
    },
  };
}

function requireList({ archived, rule, segmentId }: Segment): void {
  if (archived) throw new NotAllowedNow("SEGMENT_STATE", segmentId, "the segment is archived, which is for ever");
  if (rule !== undefined)
    throw new NotAllowedNow("SEGMENT_RULE", segmentId, "the segment has a rule, which alone says who is in it");
}
