import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { type Segment, SegmentSchema } from "../../gen/intervention/v1/segment_pb.js";
import { RuleTruth, type SegmentService } from "../../gen/intervention/v1/segment_service_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { explainRule, suggestSegments, toFactIndex } from "../domain/segment/index.ts";
import {
  countShoppers,
  findCustomers,
  findProfileOutlines,
  findShoppers,
  listSegments,
  profileId,
  sampleShoppers,
  toSegment,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseBoth, parseFields, show, text, withoutControlCharacters } from "./field-checks.ts";
import { readNewestFirst } from "./newest-first.ts";
import { USER_ID } from "./parse-trigger.ts";
import { requireParent } from "./resource-name.ts";
import { SegmentKeeper, type SegmentKeeperParts } from "./segment-keeper.ts";
import { memberMethods } from "./segment-members.ts";
import { isSegmentId, parseSegmentName } from "./segment-name.ts";

const SAMPLE = { fallback: 10, max: 100 };
const ID_BYTES = 8;
const fieldsSchema = z.object({ displayName: checked(text({ min: 1, max: 200 }), withoutControlCharacters) });
const userSchema = z.object({ userId: checked(...USER_ID) });

const SETTABLE = ["display_name", "rule"] as const;

/** Sorts shoppers into segments. */
export function segmentService(parts: SegmentKeeperParts): ServiceImpl<typeof SegmentService> {
  const { now, store } = parts;
  const keeper = new SegmentKeeper(parts);
  return {
    ...memberMethods({ store, keeper }),
    async createSegment({ parent, segmentId, segment: given }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const segment = given ?? create(SegmentSchema);
      const [id, { displayName }] = parseBoth(
        () => parseId(segmentId),
        () => parseFields(z.object({ segment: fieldsSchema }), { segment }).segment,
      );
      const { rule } = segment;
      if (rule !== undefined) await keeper.compile(workspace.id, rule, { path: "segment.rule", of: id });
      return { segment: await keeper.add(workspace.id, id, { displayName, ...(rule && { rule }) }) };
    },
    async getSegment({ name }, context) {
      const { workspace } = getService(context.values);
      return { segment: await keeper.get(workspace.id, parseSegmentName(name, workspace.id)) };
    },
    async listSegments(request, context) {
      const { page, nextPageToken } = await readNewestFirst("segments", request, context, (span) =>
        listSegments(store, span),
      );
      return { segments: page.map(toSegment), nextPageToken };
    },
    async updateSegment({ segment: given, updateMask }, context) {
      const { workspace } = getService(context.values);
      const wanted = given ?? create(SegmentSchema);
      const id = parseSegmentName(wanted.name, workspace.id, "segment.name");
      const paths = parseMask(updateMask?.paths ?? []);
      const { rule } = wanted;
      if (paths.includes("display_name")) parseFields(z.object({ segment: fieldsSchema }), { segment: wanted });
      if (paths.includes("rule") && rule !== undefined)
        await keeper.compile(workspace.id, rule, { path: "segment.rule", of: id });
      const segment = await keeper.change(workspace.id, id, wanted.etag, (current) => {
        if (paths.includes("display_name")) current.displayName = wanted.displayName;
        if (paths.includes("rule")) setRule(current, wanted);
      });
      return { segment };
    },
    async archiveSegment({ name }, context) {
      const { workspace } = getService(context.values);
      const segment = await keeper.change(workspace.id, parseSegmentName(name, workspace.id), "", (current) => {
        current.archived = true;
      });
      return { segment };
    },
    async previewSegment({ parent, rule, sampleSize }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      if (rule === undefined) throw new InvalidInput([{ field: "rule", description: "it is missing" }]);
      const limit = parseSampleSize(sampleSize);
      const node = await keeper.compile(workspace.id, rule, { path: "rule" });
      const nowMs = now().getTime();
      const query = {
        workspaceId: workspace.id,
        key: node.key,
        filter: node.isKeyEnough === true ? undefined : node.whenTrue(nowMs),
      };
      const [count, sampleUserIds] = await Promise.all([
        countShoppers(store, query),
        sampleShoppers(store, query, limit),
      ]);
      return { count: BigInt(count), sampleUserIds, indexed: node.key !== undefined };
    },
    async explainMember({ name, userId: given }, context) {
      const { workspace } = getService(context.values);
      const { userId } = parseFields(userSchema, { userId: given });
      const segment = await keeper.get(workspace.id, parseSegmentName(name, workspace.id));
      const outlines = await findProfileOutlines(store, [{ workspaceId: workspace.id, userId }]);
      const surviving = outlines.get(profileId(workspace.id, userId))?.userId ?? userId;
      const shopper = (await findShoppers(store, workspace.id, [surviving])).get(surviving);
      const isMember =
        shopper?.memberships.some(({ segmentId, isIn }) => isIn && segmentId === segment.segmentId) === true;
      if (segment.rule === undefined) return { isMember, matches: isMember, answers: [] };
      const node = await keeper.compile(workspace.id, segment.rule, { path: "rule", of: segment.segmentId });
      const facts = toFactIndex(shopper ?? { facts: [], activity: [], foresight: [], lists: [] });
      const answers = explainRule(node, facts, now().getTime());
      const matches = answers[0]?.truth === true;
      return {
        isMember,
        matches,
        answers: answers.map(({ truth, ...answer }) => ({ ...answer, truth: toTruth(truth) })),
      };
    },
    async suggestSegments({ parent }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const customers = await findCustomers(store, workspace.id);
      return { segments: suggestSegments(customers, now().getTime()), customers: BigInt(customers.length) };
    },
  };
}

const toTruth = (truth: boolean | undefined) =>
  truth === undefined ? RuleTruth.UNSPECIFIED : truth ? RuleTruth.TRUE : RuleTruth.FALSE;

function parseId(given: string): string {
  const id = given || randomBytes(ID_BYTES).toString("hex");
  if (isSegmentId(id)) return id;
  const description = `${show(id)} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit`;
  throw new InvalidInput([{ field: "segment_id", description }]);
}

type Settable = (typeof SETTABLE)[number];
const isSettable = (path: string): path is Settable => SETTABLE.some((one) => one === path);

function parseMask(paths: readonly string[]): readonly Settable[] {
  const bad = paths.filter((path) => !isSettable(path));
  if (bad.length > 0)
    throw new InvalidInput(
      bad.map((path) => ({ field: "update_mask", description: `${show(path)} is not one of ${SETTABLE.join(", ")}` })),
    );
  return paths.length === 0 ? SETTABLE : paths.filter(isSettable);
}

function setRule(current: Segment, wanted: Segment): void {
  if ((current.rule === undefined) !== (wanted.rule === undefined)) {
    const description = current.rule === undefined ? "a list can't get a rule" : "a rule can't be taken away";
    throw new InvalidInput([{ field: "segment.rule", description: `${description}: make another segment` }]);
  }
  if (wanted.rule !== undefined) current.rule = wanted.rule;
}

function parseSampleSize(size: number): number {
  if (size >= 0 && size <= SAMPLE.max) return size || SAMPLE.fallback;
  throw new InvalidInput([{ field: "sample_size", description: `${size} is not in 0 to ${SAMPLE.max}` }]);
}
