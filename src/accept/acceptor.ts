import { create, toBinary } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { type Bus, PRIORITY_NAMES } from "../bus/index.ts";
import { InvalidInput, KeyReused, OverLimit, Unavailable } from "../domain/errors.ts";
import { FairQueue } from "../domain/limit/fair-queue.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  decisionId,
  findDecidedIds,
  findInterventions,
  type InterventionDocument,
  insertNew,
  type Store,
  toPosition,
} from "../store/index.ts";
import { toInterventionId } from "./intervention-id.ts";
import { InterventionLanes } from "./intervention-lanes.ts";
import type { ParsedTrigger } from "./parsed-trigger.ts";

/** What became of one request. */
export type AcceptResult =
  | {
      readonly kind: "accepted";
      readonly interventionId: string;
      readonly duplicate: boolean;
      readonly acceptedAt: Date;
    }
  | { readonly kind: "failed"; readonly error: unknown };

/** The part of the engine's metrics that is written here. */
export type AcceptorMetrics = {
  readonly accepted: { readonly inc: (labels: { readonly result: "new" | "duplicate" }) => void };
  readonly acceptCommitSize: { readonly observe: (requests: number) => void };
  readonly limited?: { readonly inc: (labels: { readonly limit: string }) => void };
};

/** What an acceptor works with. */
export type AcceptorParts = {
  readonly store: Store;
  readonly bus: Bus;
  readonly now: () => Date;
  readonly metrics?: AcceptorMetrics;
};

/** One commit is one insert and one or two atomic batches, whose bound at the broker this is. */
const COMMIT_REQUESTS_MAX = 1_000;
/** While several workspaces ask, so that one that comes while a commit is under way waits less for it. */
const CONTENDED_REQUESTS_MAX = 250;
/** Several ask when the last commits were of more than one. */
const CONTENDED_COMMITS = 8;
/** One: on the machine it was measured on, a second one at the same time splits the same requests into smaller commits, and
 *  made every latency worse by a third. */
const COMMITS_IN_FLIGHT_MAX = 1;
/** Least time between the beginnings of two commits while several requests come in it: a commit costs the servers much the same for
 *  one as for ten. A lone request goes at once. */
const COMMIT_EVERY_MS = 10;
/** Some seconds of a flood, of which one workspace gets half. Beyond its share it is told to come back, so that memory stays
 *  bounded when a part is slow, and there is room for the others. */
const QUEUE_MAX = 40_000;
const RETRY_WHEN_FULL_MS = 1_000;

type Pending = {
  readonly workspace: Workspace;
  readonly id: string;
  readonly request: ParsedTrigger;
  readonly traceparent: string;
  readonly settle: (result: AcceptResult) => void;
};
/** What the ledger says about one id. */
type Entry = InterventionDocument & { readonly duplicate: boolean; readonly isDecided: boolean };

/** Puts requests on disk, twice over: into the ledger, which knows each idempotency key for ever, and then on the stream that
 *  is decided from. Whatever comes while a commit is under way shares the next one; a lone request goes at once.
 *  Dying between ledger and stream loses nothing: a repeated call publishes again what has no decision yet, and so does the
 *  reconciler for a caller that never comes back. */
export class Acceptor {
  readonly #parts: AcceptorParts;
  readonly #queue = new FairQueue<Pending>(QUEUE_MAX);
  readonly #lanes: InterventionLanes;
  #inFlight = 0;
  /** Commits since the last one of more than one workspace. */
  #uncontended = CONTENDED_COMMITS;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  #pacing: NodeJS.Timeout | undefined;

  constructor(parts: AcceptorParts) {
    this.#parts = parts;
    this.#lanes = new InterventionLanes(parts.bus);
  }

  /** Resolves when each of them is on disk or can't be; never rejects. */
  accept(workspace: Workspace, requests: readonly ParsedTrigger[], traceparent: string): Promise<AcceptResult[]> {
    return Promise.all(requests.map((request) => this.#enqueue(workspace, request, traceparent)));
  }

  #enqueue(workspace: Workspace, request: ParsedTrigger, traceparent: string): Promise<AcceptResult> {
    return new Promise((settle) => {
      const id = toInterventionId(workspace, request.idempotencyKey);
      if (!this.#queue.push(workspace.id, { workspace, id, request, traceparent, settle }))
        settle({ kind: "failed", error: this.#toRefusal() });
      // The end of the tick lets the requests of one call share a commit, and costs a lone one nothing.
      else if (this.#queue.size === 1) queueMicrotask(() => this.#pump());
    });
  }

  #toRefusal(): OverLimit {
    this.#parts.metrics?.limited?.inc({ limit: "queue" });
    return new OverLimit(
      "requests of this workspace waiting to be accepted",
      "too many requests of this workspace wait already: try again later",
      RETRY_WHEN_FULL_MS,
    );
  }

  #pump(): void {
    while (this.#queue.size > 0 && this.#inFlight < COMMITS_IN_FLIGHT_MAX) {
      const nowMs = performance.now();
      if (nowMs < this.#nextAtMs) {
        this.#pacing ??= setTimeout(() => {
          this.#pacing = undefined;
          this.#pump();
        }, this.#nextAtMs - nowMs);
        return;
      }
      this.#uncontended = this.#queue.owners > 1 ? 0 : this.#uncontended + 1;
      const isContended = this.#uncontended < CONTENDED_COMMITS;
      const group = this.#queue.take(isContended ? CONTENDED_REQUESTS_MAX : COMMIT_REQUESTS_MAX);
      if (group.length > 1) this.#nextAtMs = nowMs + COMMIT_EVERY_MS;
      this.#inFlight += 1;
      this.#parts.metrics?.acceptCommitSize.observe(group.length);
      void this.#commit(group).finally(() => {
        this.#inFlight -= 1;
        this.#pump();
      });
    }
  }

  /** Never rejects: every caller gets his own answer. */
  async #commit(group: readonly Pending[]): Promise<void> {
    // One of each id goes to the ledger; the others of the same id are answered out of what it says.
    const byId = Map.groupBy(group, ({ id }) => id);
    const firsts = [...byId.values()].flatMap(([first]) => first ?? []);
    try {
      const entries = await this.#enter(firsts);
      await Promise.all([...byId].map(([id, pending]) => this.#answer(pending, entries.get(id))));
    } catch (error) {
      for (const { settle } of group) settle({ kind: "failed", error });
    }
  }

  /** Writes what is new into the ledger.
   *  @returns the ledger's entry of each id that has one now.
   *  @throws Unavailable when some may be written and some not; trying again is safe. */
  async #enter(firsts: readonly Pending[]): Promise<Map<string, Entry>> {
    const { store } = this.#parts;
    const now = this.#parts.now();
    const documents = firsts.flatMap((pending) => toDocument(pending, now) ?? []);
    const conflicts = new Set((await insertNew(store.interventions, documents)).map(({ index }) => index));
    const fresh = documents.filter((_, index) => !conflicts.has(index));
    const freshIds = new Set(fresh.map(({ _id }) => _id));
    // What is too late to be new may have been in time when it was first sent.
    const others = Map.groupBy(
      firsts.filter(({ id }) => !freshIds.has(id)),
      ({ workspace }) => workspace.id,
    );
    const found = (
      await Promise.all(
        [...others].map(([workspaceId, pending]) =>
          findInterventions(
            store,
            workspaceId,
            pending.map(({ id }) => id),
          ),
        ),
      )
    ).flat();
    const decided =
      found.length === 0
        ? new Set<string>()
        : await findDecidedIds(
            store,
            found.map(({ _id }) => decisionId(_id, 0)),
          );
    const entries: Entry[] = [
      ...fresh.map((document) => ({ ...document, duplicate: false, isDecided: false })),
      ...found.map((document) => ({
        ...document,
        duplicate: true,
        isDecided: decided.has(decisionId(document._id, 0)),
      })),
    ];
    return new Map(entries.map((entry) => [entry._id, entry]));
  }

  /** Publishes one intervention if that may be missing, and answers everybody who asked for it. */
  async #answer(pending: readonly Pending[], entry: Entry | undefined): Promise<void> {
    if (entry === undefined) {
      for (const { request, settle } of pending)
        settle({ kind: "failed", error: toMissing(request, this.#parts.now()) });
      return;
    }
    const same = pending.filter(({ request, id, settle }) => {
      if (isSameHash(entry.bodyHash, request.bodyHash)) return true;
      settle({ kind: "failed", error: new KeyReused(request.idempotencyKey, id) });
      return false;
    });
    const [first] = same;
    if (first === undefined) return;
    try {
      if (!entry.isDecided) await this.#publish(entry, first);
    } catch (error) {
      for (const { settle } of same) settle({ kind: "failed", error });
      return;
    }
    for (const [index, { id, settle }] of same.entries()) {
      const duplicate = entry.duplicate || index > 0;
      this.#parts.metrics?.accepted.inc({ result: duplicate ? "duplicate" : "new" });
      settle({ kind: "accepted", interventionId: id, duplicate, acceptedAt: entry.acceptedAt });
    }
  }

  #publish(entry: Entry, { request }: Pending): Promise<void> {
    return this.#lanes.publish({
      ...{ workspaceId: entry.workspaceId, priority: PRIORITY_NAMES[request.priority] },
      ...{ body: entry.message.value(), messageId: `${entry.workspaceId}:${entry._id}` },
    });
  }
}

/** The ledger's document; undefined when the request's time has run out already. */
function toDocument({ workspace, id, request, traceparent }: Pending, now: Date): InterventionDocument | undefined {
  if (isLate(request, now)) return undefined;
  const { idempotencyKey, recipient, content, template, campaign, priority, policy, expiration } = request;
  const isSaidByTemplate = template !== undefined || request.rendered !== undefined;
  const message = create(InterventionMessageSchema, {
    workspace: workspace.id,
    interventionId: id,
    idempotencyKey,
    recipient,
    ...(isSaidByTemplate && content.productIds.length === 0 ? {} : { content }),
    campaign,
    priority,
    policy,
    acceptTime: timestampFromDate(now),
    traceParent: traceparent.endsWith("-01") ? traceparent : "",
    ...(template === undefined ? {} : { template }),
    ...(request.rendered === undefined ? {} : { rendered: request.rendered }),
    ...(request.source === undefined ? {} : { trigger: request.source }),
    ...(expiration.kind === "at" ? { expireTime: expiration.time } : {}),
    ...(expiration.kind === "after" ? { expireTime: timestampFromMs(now.getTime() + expiration.ttlMs) } : {}),
  });
  return {
    _id: id,
    workspaceId: workspace.id,
    userId: recipient.userId,
    position: toPosition(now, id),
    acceptedAt: now,
    bodyHash: new Binary(request.bodyHash),
    message: new Binary(toBinary(InterventionMessageSchema, message)),
  };
}

const isLate = ({ expiration }: ParsedTrigger, now: Date) =>
  expiration.kind === "at" && timestampMs(expiration.time) <= now.getTime();

/** Why a request has no entry in the ledger. */
function toMissing(request: ParsedTrigger, now: Date): Error {
  if (request.expiration.kind === "at" && isLate(request, now)) {
    const description = `${timestampDate(request.expiration.time).toISOString()} has passed; it is ${now.toISOString()} now`;
    return new InvalidInput([{ field: "expire_time", description }]);
  }
  // Its id was there when it was inserted and gone when it was read: a majority has not seen it yet, or someone removes data.
  return new Unavailable("store", { cause: new Error("the ledger's entry of a known id could not be read") });
}

function isSameHash(stored: Binary, hash: Uint8Array): boolean {
  return Buffer.compare(stored.value(), hash) === 0;
}
