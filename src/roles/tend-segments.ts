import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import {
  advanceCheckpoint,
  claimLease,
  deleteShopperChanges,
  findCheckpoint,
  listShopperChanges,
  listShoppers,
  PLACES,
  readPlaces,
  SPAN_FIRST,
  streamProfileUsers,
  streamShopEventUsers,
} from "../store/index.ts";
import { SegmentMembers, type SegmentMembersOptions } from "./segment-members.ts";
import { startLoop } from "./start-loop.ts";

/** What the loop stands on. */
export type TendSegmentsOptions = SegmentMembersOptions & {
  readonly log: Logger;
  readonly access: Pick<AccessDirectory, "workspaces">;
  /** Everybody is looked at again this often, for what time alone brings about. */
  readonly sweepMs: number;
};

const PAUSE_MS = 300;
const LEASE_MS = 10_000;
const CHANGES_MAX = 500;
const PAGE_MAX = 500;
/** The lease is kept while pages are worked off. */
const RENEW_EVERY_PAGES = 4;

/** Follows what is noted of shoppers, and looks at everybody when a segment was changed and every so often. Any number may run: of each
 *  workspace one takes care, and when it dies another one goes on within ten seconds. */
export function startSegments(options: TendSegmentsOptions): AsyncDisposable {
  const tender = new SegmentTender(options);
  const loop = startLoop("segments", PAUSE_MS, options.log, () => tender.tendAll());
  return {
    async [Symbol.asyncDispose]() {
      tender.stop();
      await loop[Symbol.asyncDispose]();
      await tender.release();
    },
  };
}

class SegmentTender {
  readonly #options: TendSegmentsOptions;
  readonly #members: SegmentMembers;
  readonly #holder = randomUUID();
  /** What everybody of a workspace was last looked at by, and when. */
  readonly #reviewed = new Map<string, { readonly version: string; readonly atMs: number }>();
  readonly #held = new Set<string>();
  #isStopped = false;

  constructor(options: TendSegmentsOptions) {
    this.#options = options;
    this.#members = new SegmentMembers(options);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Lets another one take over at once. */
  async release(): Promise<void> {
    const now = new Date();
    for (const id of this.#held)
      await claimLease(this.#options.store, leaseOf(id), { holder: this.#holder, now, until: now });
  }

  async tendAll(): Promise<void> {
    for (const { id } of this.#options.access.workspaces()) {
      if (this.#isStopped) return;
      if (this.#options.segments.findLive(id).segments.length === 0) continue;
      if (!(await this.#claim(id))) {
        this.#reviewed.delete(id);
        this.#held.delete(id);
        continue;
      }
      this.#held.add(id);
      await this.#gather(id);
      await this.#follow(id);
      await this.#review(id);
    }
  }

  #claim(workspaceId: string): Promise<boolean> {
    const now = new Date();
    const until = new Date(now.getTime() + LEASE_MS);
    return claimLease(this.#options.store, leaseOf(workspaceId), { holder: this.#holder, now, until });
  }

  /** Works off what is noted. */
  async #follow(workspaceId: string): Promise<void> {
    const { store } = this.#options;
    for (let page = 1; !this.#isStopped; page += 1) {
      const changes = await listShopperChanges(store, workspaceId, CHANGES_MAX);
      if (changes.length === 0) return;
      await this.#members.refresh(
        workspaceId,
        changes.map(({ userId }) => userId),
      );
      await deleteShopperChanges(
        store,
        changes.map(({ _id }) => _id),
      );
      if (page % RENEW_EVERY_PAGES === 0 && !(await this.#claim(workspaceId))) return;
    }
  }

  /** Once in a workspace's life with segments: everybody who was there before them. Cut off, it begins again. */
  async #gather(workspaceId: string): Promise<void> {
    const { store, log } = this.#options;
    const name = gatheredOf(workspaceId);
    if ((await findCheckpoint(store, name)) !== undefined) return;
    const at = new Date();
    let count = 0;
    for (const stream of [streamProfileUsers, streamShopEventUsers])
      for await (const page of inPages(stream(store, workspaceId), PAGE_MAX)) {
        if (this.#isStopped || !(await this.#claim(workspaceId))) return;
        await this.#members.refresh(workspaceId, page);
        count += page.length;
      }
    await advanceCheckpoint(store, name, at);
    log.info({ event: "shoppers_gathered", workspace: workspaceId, count }, "segments know everybody now");
  }

  /** Everybody again: when rules have changed, and when it is time. */
  async #review(workspaceId: string): Promise<void> {
    const { segments, store, now, sweepMs } = this.#options;
    const { version } = segments.findLive(workspaceId);
    const last = this.#reviewed.get(workspaceId);
    const startedMs = now().getTime();
    if (last?.version === version && startedMs - last.atMs < sweepMs) return;
    for (let [from, span] = [0, SPAN_FIRST]; from < PLACES; ) {
      if (this.#isStopped || !(await this.#claim(workspaceId))) return;
      const page = await readPlaces({
        ...{ from, span, pageMax: PAGE_MAX },
        find: (range) => listShoppers(store, { workspaceId, ...range }),
      });
      await this.#members.review(workspaceId, page.found);
      [from, span] = [page.until, page.span];
      // What is new of somebody does not wait for everybody.
      await this.#follow(workspaceId);
    }
    this.#reviewed.set(workspaceId, { version, atMs: startedMs });
  }
}

const leaseOf = (workspaceId: string) => `segments/${workspaceId}`;
const gatheredOf = (workspaceId: string) => `shoppers/${workspaceId}`;

async function* inPages<T>(stream: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let page: T[] = [];
  for await (const one of stream) {
    page.push(one);
    if (page.length < size) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
