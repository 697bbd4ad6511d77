import { clone, create, equals } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { type Segment, type SegmentRule, SegmentSchema } from "../../gen/intervention/v1/segment_pb.js";
import type { Bus } from "../bus/index.ts";
import { AlreadyExists, InvalidInput, NotAllowedNow, NotFound, StaleEtag, Unavailable } from "../domain/errors.ts";
import { compileRule, type RuleNode } from "../domain/segment/index.ts";
import {
  findSegment,
  insertSegment,
  listSegments,
  replaceSegment,
  type Store,
  toPosition,
  toSegment,
} from "../store/index.ts";
import { toSegmentName } from "./segment-name.ts";

/** What keeping segments stands on. */
export type SegmentKeeperParts = {
  readonly store: Store;
  readonly bus: Bus;
  readonly log: Logger;
  readonly now: () => Date;
};

/** A rule names others, and so all of a workspace's are read to check one. */
const SEGMENTS_MAX = 500;
/** Others may change the same segment; each time one of them gets through. */
const ATTEMPTS_MAX = 10;

/** Keeps segments, and tells whoever holds them in memory. */
export class SegmentKeeper {
  readonly #parts: SegmentKeeperParts;

  constructor(parts: SegmentKeeperParts) {
    this.#parts = parts;
  }

  /** @throws NotFound when this workspace has no such segment. */
  async get(workspaceId: string, segmentId: string): Promise<Segment> {
    const found = await findSegment(this.#parts.store, { workspaceId, segmentId });
    if (found === undefined) throw new NotFound("segment", segmentId);
    return found;
  }

  /** Checks a rule against the segments there are.
   *  @throws InvalidInput naming everything that is wrong, below `path`. */
  async compile(
    workspaceId: string,
    rule: SegmentRule,
    options: { readonly path: string; readonly of?: string },
  ): Promise<RuleNode> {
    const all = await this.#all(workspaceId);
    return compileRule(rule, { ...options, find: (id) => all.get(id) });
  }

  /** Makes a segment; one that is there already, with the same to say, is returned as it is.
   *  @throws AlreadyExists when another has its id. */
  async add(workspaceId: string, segmentId: string, given: Pick<Segment, "displayName" | "rule">): Promise<Segment> {
    const { now, store } = this.#parts;
    const at = now();
    const [createTime, updateTime] = [timestampFromDate(at), timestampFromDate(at)];
    const segment = create(SegmentSchema, {
      ...{ name: toSegmentName(workspaceId, segmentId), segmentId, createTime, updateTime },
      displayName: given.displayName,
      ...(given.rule === undefined ? {} : { rule: given.rule }),
    });
    const known = await this.#all(workspaceId);
    if (known.size >= SEGMENTS_MAX && !known.has(segmentId))
      throw new NotAllowedNow(
        "SEGMENTS",
        workspaceId,
        `there are ${known.size} segments; up to ${SEGMENTS_MAX} are kept`,
      );
    const position = toPosition(at, segmentId);
    const isNew = await insertSegment(store, { workspaceId, segmentId, position, updatedAt: at, segment });
    const found = await this.get(workspaceId, segmentId);
    if (isNew) this.#tell();
    else if (!isSame(found, segment)) throw new AlreadyExists("segment", segmentId);
    return found;
  }

  /** Changes a segment.
   *  @param etag which it must have; empty for any. @param edit may throw; nothing is changed then.
   *  @throws NotFound, StaleEtag; NotAllowedNow for one that is archived, or whose end another's rule forbids. */
  async change(
    workspaceId: string,
    segmentId: string,
    etag: string,
    edit: (segment: Segment) => void | Promise<void>,
  ): Promise<Segment> {
    const { now, store } = this.#parts;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const before = await this.get(workspaceId, segmentId);
      if (etag !== "" && etag !== before.etag) throw new StaleEtag(before.name);
      const segment = clone(SegmentSchema, before);
      await edit(segment);
      if (equals(SegmentSchema, before, segment)) return before;
      if (before.archived)
        throw new NotAllowedNow(
          "SEGMENT_STATE",
          segmentId,
          "the segment is archived, which is for ever: make another one",
        );
      if (segment.archived) await this.#requireUnnamed(workspaceId, segmentId);
      const at = now();
      segment.updateTime = timestampFromDate(at);
      const replaced = await replaceSegment(store, { workspaceId, segment, updatedAt: at });
      if (replaced === undefined) continue;
      this.#tell();
      return replaced;
    }
    throw new Unavailable("store", { cause: new Error(`${segmentId} was changed by others ${ATTEMPTS_MAX} times`) });
  }

  async #requireUnnamed(workspaceId: string, segmentId: string): Promise<void> {
    const all = await this.#all(workspaceId);
    const without = new Map([...all].filter(([id]) => id !== segmentId));
    for (const { archived, rule, segmentId: of } of without.values()) {
      if (archived || rule === undefined) continue;
      try {
        compileRule(rule, { find: (id) => without.get(id), of });
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        throw new NotAllowedNow("SEGMENT_NAMED", segmentId, `the rule of segment "${of}" names it: change that first`);
      }
    }
  }

  async #all(workspaceId: string): Promise<Map<string, Segment>> {
    const found = await listSegments(this.#parts.store, { workspaceId, limit: SEGMENTS_MAX });
    return new Map(found.map((document) => [document.segmentId, toSegment(document)]));
  }

  /** Whoever misses it looks for himself within a second. */
  #tell(): void {
    const { bus, log } = this.#parts;
    try {
      bus.nc.publish(bus.subjects.segmentsChanged);
    } catch (error) {
      log.warn(
        { event: "change_not_told", err: error },
        "that a segment has changed could not be told: it is found later",
      );
    }
  }
}

const withoutTimes = ({ createTime: _, updateTime: __, ...segment }: Segment) =>
  create(SegmentSchema, { ...segment, etag: "" });
/** Whether two were made with the same to say. */
const isSame = (one: Segment, other: Segment) => equals(SegmentSchema, withoutTimes(one), withoutTimes(other));
