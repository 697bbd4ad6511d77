import { create, fromBinary } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { CampaignState, TriggerSourceSchema } from "../../gen/intervention/v1/campaign_pb.js";
import { ContentSchema, PolicySchema, RecipientSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import type { Acceptor } from "../accept/acceptor.ts";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { toBodyHash } from "../accept/to-body-hash.ts";
import { InvalidInput, KeyReused } from "../domain/errors.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  advanceFanOut,
  cancelFanOut,
  claimFanOut,
  type FanOutDocument,
  listFollowers,
  listKeyed,
  listRunningFanOuts,
  PLACES,
  readPlaces,
  SPAN_FIRST,
  type Store,
  toMemberKey,
} from "../store/index.ts";

/** What fanning out stands on. */
export type FanOutOptions = {
  readonly store: Store;
  readonly acceptor: Pick<Acceptor, "accept">;
  /** How a run's campaign stands: it goes on only while that runs. */
  readonly findCampaignState: (workspaceId: string, campaignId: string) => Promise<CampaignState>;
  readonly log: Logger;
  /** Tells holders apart: one a process. */
  readonly holder: string;
  readonly now: () => Date;
  /** Aborted when the process wants to stop: a fan-out then ends at its next checkpoint. */
  readonly signal: AbortSignal;
};

/** Followers between two checkpoints, and so what is done twice, without effect, when a process dies. */
const PAGE_MAX = 500;
/** Pages before others have their turn: a large topic holds up neither small ones nor other workspaces. */
const PAGES_A_TURN_MAX = 20;
/** A page is aimed to be this full, so that few have to be cut. */
const FILL_TARGET = 0.8;
/** Whoever fans out keeps the right to it this long after each checkpoint: when he dies another one goes on. A page takes some tens
 *  of milliseconds, and one that takes longer than this is fenced off. */
const LEASE_MS = 10_000;

/** Carries on what is on its way in each workspace, one fan-out after another. One that fails holds up none of the others.
 *  @throws what failed, when all have had their turn. */
export async function runFanOuts(options: FanOutOptions, workspaces: readonly Workspace[]): Promise<void> {
  const failures: unknown[] = [];
  for (const workspace of workspaces) {
    for (const id of await listRunningFanOuts(options.store, workspace.id)) {
      if (options.signal.aborted) break;
      try {
        await runTurn(options, workspace, id);
      } catch (error) {
        failures.push(error);
      }
    }
  }
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} fan-outs failed and are tried again`);
  if (failures.length === 1) throw failures[0];
}

async function runTurn(options: FanOutOptions, workspace: Workspace, id: string): Promise<void> {
  const now = options.now();
  const claim = { holder: options.holder, now, until: new Date(now.getTime() + LEASE_MS) };
  const claimed = await claimFanOut(options.store, id, claim);
  if (claimed !== undefined && (await mayGoOn(options, claimed))) await fanOut(options, workspace, claimed);
}

/** A run waits for its campaign, and ends with it. */
async function mayGoOn({ store, findCampaignState, now }: FanOutOptions, { _id, run, workspaceId }: FanOutDocument) {
  if (run === undefined) return true;
  const state = await findCampaignState(workspaceId, run.campaignId);
  if (state === CampaignState.ARCHIVED || state === CampaignState.COMPLETED) await cancelFanOut(store, _id, now());
  return state === CampaignState.RUNNING;
}

/** How many more a run may reach now. */
function findAllowance({ run, createdAt, acceptedCount, failedCount }: FanOutDocument, now: Date): number {
  if (run?.usersPerMinute === undefined) return PAGE_MAX;
  const minutes = Math.max(0, now.getTime() - createdAt.getTime()) / 60_000;
  return Math.floor(run.usersPerMinute * minutes) + 1 - acceptedCount - failedCount;
}

/** Accepts an intervention for each follower, page by page, with a checkpoint after each. A page that was done before makes nothing
 *  new, since its interventions have the same keys; so whoever goes on after a kill loses nobody and reaches nobody twice. */
async function fanOut(options: FanOutOptions, workspace: Workspace, claimed: FanOutDocument): Promise<void> {
  const { store, now, signal } = options;
  const { _id: id, topic, run, fence, workspaceId } = claimed;
  const trigger = toTrigger(claimed);
  let standing = claimed;
  let span = toFirstSpan(claimed);
  for (let pages = 0; pages < PAGES_A_TURN_MAX && !signal.aborted; pages += 1) {
    const pageMax = Math.min(PAGE_MAX, findAllowance(standing, now()));
    if (pageMax < 1) return;
    const page = await readPlaces({
      ...{ from: standing.cursor, span, pageMax },
      find: (range) =>
        run === undefined
          ? listFollowers(store, { workspaceId, topic, ...range })
          : listKeyed(store, { workspaceId, key: toMemberKey(run.segmentId), ...range }),
    });
    const { found: followers, until } = page;
    span = page.span;
    const { accepted, failed } = await acceptAll(options, workspace, { id, trigger, followers });
    const at = now();
    const advanced = await advanceFanOut(store, id, {
      fence,
      state: until === PLACES ? "done" : "running",
      cursor: until,
      acceptedCount: standing.acceptedCount + accepted,
      failedCount: standing.failedCount + failed,
      now: at,
      heldUntil: new Date(at.getTime() + LEASE_MS),
    });
    // Done, cancelled, or taken by another one who thought that this one is dead.
    if (advanced?.state !== "running" || advanced.fence !== fence) return;
    standing = advanced;
  }
}

/** Followers are spread evenly over places: those before the cursor tell how many places a page takes. */
function toFirstSpan({ cursor, acceptedCount, failedCount }: FanOutDocument): number {
  const done = acceptedCount + failedCount;
  if (done === 0) return SPAN_FIRST;
  return Math.max(1, Math.min(PLACES, Math.floor((cursor / done) * PAGE_MAX * FILL_TARGET)));
}

type Page = { readonly id: string; readonly trigger: SharedTrigger; readonly followers: readonly string[] };

/** @throws Unavailable and the like when one could not be accepted for now: the page is done again. */
async function acceptAll(
  { acceptor, log }: FanOutOptions,
  workspace: Workspace,
  { id, trigger, followers }: Page,
): Promise<{ accepted: number; failed: number }> {
  const requests = followers.map((userId) => toRequest(trigger, { id, userId }));
  let failed = 0;
  for (const result of await acceptor.accept(workspace, requests, "")) {
    if (result.kind === "accepted") continue;
    // Its time has run out, or a caller has used its key for something else: neither will be better later.
    if (!(result.error instanceof InvalidInput || result.error instanceof KeyReused)) throw result.error;
    failed += 1;
  }
  if (failed > 0)
    log.warn(
      { event: "fan_out_refused", fanOutId: id, count: failed },
      "some could not be reached: the time of what was to be said had run out",
    );
  return { accepted: followers.length - failed, failed };
}

type SharedTrigger = Omit<ParsedTrigger, "idempotencyKey" | "recipient" | "bodyHash">;

function toTrigger(document: FanOutDocument): SharedTrigger {
  const { content, template, campaign, priority, policy, expiration } = fromBinary(
    TriggerRequestSchema,
    document.trigger.value(),
  );
  return {
    content: content ?? create(ContentSchema),
    ...(template === undefined ? {} : { template }),
    campaign,
    priority,
    policy: policy ?? create(PolicySchema),
    // A run asks whether its campaign still runs at each decision too.
    ...(document.run === undefined ? {} : { source: create(TriggerSourceSchema, { campaign }) }),
    expiration: expiration.case === "expireTime" ? { kind: "at", time: expiration.value } : { kind: "never" },
  };
}

function toRequest(trigger: SharedTrigger, { id, userId }: { id: string; userId: string }): ParsedTrigger {
  const request = { ...trigger, recipient: create(RecipientSchema, { userId }) };
  return { ...request, idempotencyKey: `fanout:${id}:${userId}`, bodyHash: toBodyHash(request) };
}
