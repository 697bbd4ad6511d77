import type { Subscription } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { Segment } from "../../gen/intervention/v1/segment_pb.js";
import type { Bus } from "../bus/index.ts";
import { InvalidInput } from "../domain/errors.ts";
import { compileRule, type RuleNode } from "../domain/segment/index.ts";
import { listSegmentsChanged, noteShopperChanges, type Store, toSegment } from "../store/index.ts";
import { KeptFresh } from "./kept-fresh.ts";

/** A segment that shoppers enter and leave. */
export type LiveSegment = {
  readonly segmentId: string;
  /** Absent: a list. */
  readonly rule: RuleNode | undefined;
};

/** A workspace's segments, and what names this state of them. */
export type LiveSegments = { readonly version: string; readonly segments: readonly LiveSegment[] };

/** Clocks of the processes that change segments may differ by so much. */
const OVERLAP_MS = 60_000;
const NONE: LiveSegments = { version: "", segments: [] };

/** Every segment, kept in memory: told of changes at once, and looking for them each second, since the word of one may be lost. */
export class SegmentDirectory {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #fresh: KeptFresh;
  readonly #told: Subscription;
  readonly #known = new Map<string, Map<string, Segment>>();
  readonly #live = new Map<string, LiveSegments>();
  #seenUntil = new Date(0);

  private constructor({ store, bus, log }: { store: Store; bus: Bus; log: Logger }) {
    this.#store = store;
    this.#log = log;
    this.#fresh = new KeptFresh({
      refresh: () => this.#refresh(),
      onStale: (error) =>
        log.warn(
          { event: "segments_stale", err: error },
          "segments can't be read at the moment: what was known stays in force",
        ),
    });
    this.#told = bus.nc.subscribe(bus.subjects.segmentsChanged, { callback: () => void this.#fresh.now() });
  }

  static async start(parts: { store: Store; bus: Bus; log: Logger }): Promise<SegmentDirectory> {
    const directory = new SegmentDirectory(parts);
    await directory.#refresh();
    return directory;
  }

  stop(): void {
    this.#fresh.stop();
    this.#told.unsubscribe();
  }

  /** Those of a workspace that are not archived. */
  findLive(workspaceId: string): LiveSegments {
    return this.#live.get(workspaceId) ?? NONE;
  }

  /** A segment by its id, archived or not. */
  find(workspaceId: string, segmentId: string): Segment | undefined {
    return this.#known.get(workspaceId)?.get(segmentId);
  }

  /** Notes that something is new of these users; only where segments look at them. */
  async noteChanges(changes: readonly { readonly workspaceId: string; readonly userId: string }[]): Promise<void> {
    const looked = changes.filter(({ workspaceId }) => this.findLive(workspaceId).segments.length > 0);
    const once = new Map(
      looked.map(({ workspaceId, userId }) => [`${workspaceId}/${userId}`, { workspaceId, userId }]),
    );
    await noteShopperChanges(this.#store, [...once.values()]);
  }

  async #refresh(): Promise<void> {
    const since = new Date(Math.max(0, this.#seenUntil.getTime() - OVERLAP_MS));
    const touched = new Set<string>();
    for (const document of await listSegmentsChanged(this.#store, since)) {
      const { workspaceId, segmentId, etag, updatedAt } = document;
      if (updatedAt > this.#seenUntil) this.#seenUntil = updatedAt;
      const known = this.#known.get(workspaceId) ?? new Map<string, Segment>();
      this.#known.set(workspaceId, known);
      if (known.get(segmentId)?.etag === etag) continue;
      known.set(segmentId, toSegment(document));
      touched.add(workspaceId);
    }
    for (const workspaceId of touched) this.#compile(workspaceId);
  }

  #compile(workspaceId: string): void {
    const known = [...(this.#known.get(workspaceId)?.values() ?? [])].sort((a, b) =>
      a.segmentId < b.segmentId ? -1 : 1,
    );
    const segments = known.filter(({ archived }) => !archived).flatMap((one) => this.#toLive(workspaceId, one) ?? []);
    this.#live.set(workspaceId, { segments, version: known.map(({ etag }) => etag).join() });
  }

  #toLive(workspaceId: string, { segmentId, rule }: Segment): LiveSegment | undefined {
    if (rule === undefined) return { segmentId, rule };
    try {
      return {
        segmentId,
        rule: compileRule(rule, { find: (id) => this.find(workspaceId, id), of: segmentId }),
      };
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      // Saved by a version that knew other fields.
      this.#log.error(
        { event: "segment_not_understood", segment: `${workspaceId}/${segmentId}`, err: error },
        "a segment's rule asks for what this version does not know: nobody enters or leaves it here",
      );
      return undefined;
    }
  }
}
