import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { type Campaign, CampaignState, TriggerSourceSchema } from "../../gen/intervention/v1/campaign_pb.js";
import { ContentSchema, PolicySchema, RecipientSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import type { Acceptor } from "../accept/acceptor.ts";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { toBodyHash } from "../accept/to-body-hash.ts";
import { toTimeOnTheWay, toUsersAllowed } from "../domain/campaign/pace.ts";
import { InvalidInput, KeyReused } from "../domain/errors.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import {
  advanceFanOut,
  cancelFanOut,
  claimFanOut,
  type FanOutDocument,
  findPassTime,
  listRunningFanOuts,
  SPAN_FIRST,
  type Store,
} from "../store/index.ts";
import { readFanOutPage, toNextCursor, toPassDelay, toSpan } from "./fan-out-page.ts";
import type { JourneyDoor } from "./journeys.ts";

/** What fanning out stands on. */
export type FanOutOptions = {
  readonly store: Store;
  readonly acceptor: Pick<Acceptor, "accept">;
  /** How a run's campaign stands: it goes on only while that runs. */
  readonly findCampaignState: (workspaceId: string, campaignId: string) => Promise<CampaignState>;
  readonly log: Logger;
  /** Where a run's campaign takes users through a journey. Default: none does. */
  readonly journeys?: {
    /** The campaign, if it has one. */
    readonly find: (workspaceId: string, campaignId: string) => Campaign | undefined;
    readonly door: Pick<JourneyDoor, "enter">;
  };
  /** Of users of whom none is known, where their workspace has none. */
  readonly defaultTimeZone: string;
  /** Tells holders apart: one a process. */
  readonly holder: string;
  readonly now: () => Date;
  /** Aborted when the process wants to stop: a fan-out then ends at its next checkpoint. */
  readonly signal: AbortSignal;
};

/** Pages before others have their turn: a large topic holds up neither small ones nor other workspaces. */
const PAGES_A_TURN_MAX = 20;
/** Whoever fans out keeps the right to it this long after each checkpoint: when he dies another one goes on. A page takes some tens
 *  of milliseconds, and one that takes longer than this is fenced off. */
const LEASE_MS = 10_000;

/** Carries on what is on its way in each workspace, one fan-out after another. One that fails holds up none of the others.
 *  @throws what failed, when all have had their turn. */
export async function runFanOuts(options: FanOutOptions, workspaces: readonly Workspace[]): Promise<void> {
  const failures: unknown[] = [];
  for (const workspace of workspaces) {
    for (const id of await listRunningFanOuts(options.store, workspace.id, options.now())) {
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

/** How many more a run may reach now, and how long it has been on its way. */
function findPace(fanOut: FanOutDocument, now: Date): { allowance: number; pace?: { onTheWayMs: number; at: Date } } {
  const { run, createdAt, acceptedCount, failedCount, pace } = fanOut;
  if (run?.usersPerMinute === undefined) return { allowance: Number.POSITIVE_INFINITY };
  const since = pace ?? { onTheWayMs: 0, at: new Date(Math.max(createdAt.getTime(), findPassTime(fanOut))) };
  const onTheWayMs = toTimeOnTheWay(since.onTheWayMs, now.getTime() - since.at.getTime());
  const allowed = toUsersAllowed({ usersPerMinute: run.usersPerMinute, rampUpMs: run.rampUpMs ?? 0 }, onTheWayMs);
  return { allowance: allowed - acceptedCount - failedCount, pace: { onTheWayMs, at: now } };
}

/** Accepts an intervention for each follower, page by page, with a checkpoint after each. A page that was done before makes nothing
 *  new, since its interventions have the same keys; so whoever goes on after a kill loses nobody and reaches nobody twice. */
async function fanOut(options: FanOutOptions, workspace: Workspace, claimed: FanOutDocument): Promise<void> {
  const { store, now, signal } = options;
  const { _id: id, fence } = claimed;
  const timeZone = workspace.defaultTimeZone ?? options.defaultTimeZone;
  let trigger = toTrigger(claimed);
  let standing = claimed;
  let span = toSpan(claimed, SPAN_FIRST);
  for (let pages = 0; pages < PAGES_A_TURN_MAX && !signal.aborted; pages += 1) {
    // A campaign that is paused is so at once, in the middle of a turn.
    if (pages > 0 && !(await mayGoOn(options, standing))) return;
    const { allowance, pace } = findPace(standing, now());
    if (allowance < 1) return;
    const page = await readFanOutPage(store, standing, { span, allowance, timeZone });
    span = page.span;
    const travelling = options.journeys?.find(workspace.id, standing.run?.campaignId ?? "");
    const { accepted, failed } =
      travelling === undefined
        ? await acceptAll(options, workspace, { id, trigger, followers: page.userIds })
        : await letIn(options, travelling, { workspaceId: workspace.id, id, followers: page.userIds });
    const at = now();
    const advanced = await advanceFanOut(store, id, {
      ...{ fence, pace, ...toNextCursor(standing, page.until) },
      acceptedCount: standing.acceptedCount + accepted,
      failedCount: standing.failedCount + failed,
      now: at,
      heldUntil: new Date(at.getTime() + LEASE_MS),
    });
    // Done, cancelled, or taken by another one who thought that this one is dead.
    if (advanced?.state !== "running" || advanced.fence !== fence) return;
    if (findPassTime(advanced) > at.getTime()) return;
    if (advanced.pass !== standing.pass) trigger = toTrigger(advanced);
    standing = advanced;
  }
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

/** Everybody of a page begins the campaign's journey; who has begun it by this run is there already. */
async function letIn(
  { journeys }: FanOutOptions,
  campaign: Campaign,
  {
    workspaceId,
    id,
    followers,
  }: { readonly workspaceId: string; readonly id: string; readonly followers: readonly string[] },
): Promise<{ accepted: number; failed: number }> {
  const source = create(TriggerSourceSchema, { campaign: campaign.campaignId });
  const by = `fanout/${id}`;
  await journeys?.door.enter(
    workspaceId,
    campaign,
    followers.map((userId) => ({ userId, source, by })),
  );
  return { accepted: followers.length, failed: 0 };
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
    expiration:
      expiration.case === "expireTime"
        ? { kind: "at", time: timestampFromMs(timestampMs(expiration.value) + toPassDelay(document)) }
        : { kind: "never" },
  };
}

function toRequest(trigger: SharedTrigger, { id, userId }: { id: string; userId: string }): ParsedTrigger {
  const request = { ...trigger, recipient: create(RecipientSchema, { userId }) };
  return { ...request, idempotencyKey: `fanout:${id}:${userId}`, bodyHash: toBodyHash(request) };
}
