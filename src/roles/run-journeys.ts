import { create, fromBinary } from "@bufbuild/protobuf";
import { type Campaign, TriggerSourceSchema } from "../../gen/intervention/v1/campaign_pb.js";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import { JourneySchema, type JourneyStep, type SendStep } from "../../gen/intervention/v1/journey_pb.js";
import type { Acceptor } from "../accept/acceptor.ts";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { InvalidInput, KeyReused } from "../domain/errors.ts";
import {
  type CompiledJourney,
  compileJourney,
  findNeeds,
  findOver,
  isByClock,
  type StepFacts,
  takeStep,
} from "../domain/journey/take-step.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import type { CampaignDirectory } from "../integrations/campaign-directory.ts";
import { LruCache } from "../integrations/lru-cache.ts";
import {
  claimLease,
  findEventKinds,
  findJourneyVersion,
  listTravellersDue,
  moveTravellers,
  type Store,
  type TakenStep,
  type TravellerDocument,
} from "../store/index.ts";
import type { FindOrders } from "./fix-outcomes.ts";
import { toCampaignTrigger } from "./to-campaign-trigger.ts";
import type { ShopperFacts } from "./triggers.ts";

/** What going on with journeys stands on. */
export type RunJourneysOptions = {
  readonly store: Store;
  readonly acceptor: Pick<Acceptor, "accept">;
  readonly campaigns: Pick<CampaignDirectory, "listJourneys">;
  readonly facts: ShopperFacts;
  readonly findOrders: FindOrders;
  readonly defaultTimeZone: string;
  readonly holder: string;
  readonly now: () => Date;
};

type Version = { readonly campaign: Campaign; readonly journey: CompiledJourney };
/** A step that is about to be taken, and the message that it asks for. */
type Move = { readonly next: TravellerDocument; readonly request?: ParsedTrigger };

const PAGE_MAX = 200;
/** Pages before other campaigns have their turn. */
const PAGES_A_TURN_MAX = 20;
const LEASE_MS = 10_000;
const MOVES_MAX = 200;
const VERSIONS_MAX = 1_000;

/** Takes the steps that are due. Each is written down before what follows it is begun, with a number of its own; a message's key is made
 *  of that number. So a step that is taken again after a kill asks for the same message, and a branch that was taken stays so. A lease
 *  only spares others the work. */
export class JourneyRunner {
  readonly #options: RunJourneysOptions;
  readonly #versions = new LruCache<Version>(VERSIONS_MAX);

  constructor(options: RunJourneysOptions) {
    this.#options = options;
  }

  /** @throws what failed, when all have had their turn. */
  async run(workspaces: readonly Workspace[]): Promise<void> {
    const failures: unknown[] = [];
    for (const workspace of workspaces)
      for (const campaignId of this.#options.campaigns.listJourneys(workspace.id)) {
        try {
          await this.#runTurn(workspace, campaignId);
        } catch (error) {
          failures.push(error);
        }
      }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} journeys are tried again`);
  }

  async #runTurn(workspace: Workspace, campaignId: string): Promise<void> {
    const { store, holder, now, campaigns } = this.#options;
    for (let pages = 0; pages < PAGES_A_TURN_MAX; pages += 1) {
      const at = now();
      const due = await listTravellersDue(store, { workspaceId: workspace.id, campaignId, now: at, limit: PAGE_MAX });
      if (due.length === 0) return;
      const lease = { holder, now: at, until: new Date(at.getTime() + LEASE_MS) };
      if (!(await claimLease(store, `journeys/${workspace.id}/${campaignId}`, lease))) return;
      // A campaign that is paused is so at once.
      if (!campaigns.listJourneys(workspace.id).includes(campaignId)) return;
      const moves = await Promise.all(due.map((traveller) => this.#plan(workspace, traveller, at)));
      await moveTravellers(store, await this.#ask(workspace, moves));
    }
  }

  /** Asks for the messages.
   *  @returns the travellers where they are then.
   *  @throws Unavailable and the like: those steps are taken again. */
  async #ask(workspace: Workspace, moves: readonly Move[]): Promise<TravellerDocument[]> {
    const asking = moves.flatMap(({ request, next }) => (request === undefined ? [] : [{ request, next }]));
    const results = await this.#options.acceptor.accept(
      workspace,
      asking.map(({ request }) => request),
      "",
    );
    const ids = new Map<TravellerDocument, string>();
    for (const [index, result] of results.entries()) {
      const next = asking[index]?.next;
      if (next === undefined) continue;
      if (result.kind === "accepted") ids.set(next, result.interventionId);
      else if (result.error instanceof KeyReused) ids.set(next, result.error.interventionId);
      // It holds for too short a time to be sent: the journey goes on without it.
      else if (!(result.error instanceof InvalidInput)) throw result.error;
    }
    return moves.map(({ next }) => {
      const interventionId = ids.get(next);
      const last = next.path.at(-1);
      if (interventionId === undefined || last === undefined) return next;
      return { ...next, path: [...next.path.slice(0, -1), { ...last, interventionId }] };
    });
  }

  async #plan(workspace: Workspace, traveller: TravellerDocument, at: Date): Promise<Move> {
    const version = await this.#findVersion(traveller);
    if (version === undefined) return { next: leave(traveller, "ended", at) };
    const { journey } = version;
    if (traveller.moves >= MOVES_MAX) return { next: leave(traveller, "too_long", at) };
    if (traveller.stepId === "") return { next: await this.#goTo(traveller, journey.first, { workspace, at }) };
    const step = journey.steps.get(traveller.stepId);
    if (step === undefined) return { next: leave(traveller, "ended", at) };
    const taken = takeStep(journey, step, await this.#load(traveller, journey, step, at));
    if (taken.kind === "leaves") return { next: leave(traveller, taken.because, at) };
    const isBranch = step.does.case === "branch";
    const entry: TakenStep = { stepId: step.stepId, at, ...(isBranch ? { branchCase: taken.branchCase } : {}) };
    const next = await this.#goTo({ ...traveller, path: [...traveller.path, entry] }, taken.next, { workspace, at });
    if (step.does.case !== "send") return { next };
    return { next, request: toRequest(version.campaign, step.does.value, traveller) };
  }

  async #goTo(
    traveller: TravellerDocument,
    step: JourneyStep | undefined,
    { workspace, at }: { readonly workspace: Workspace; readonly at: Date },
  ): Promise<TravellerDocument> {
    if (step === undefined) return leave(traveller, "ended", at);
    const timeZone = isByClock(step) ? await this.#findTimeZone(workspace, traveller.userId) : "UTC";
    return { ...traveller, stepId: step.stepId, moves: traveller.moves + 1, dueAt: findOver(step, at, timeZone) };
  }

  async #findTimeZone(workspace: Workspace, userId: string): Promise<string> {
    const profile = await this.#options.facts.findProfile(workspace.id, userId);
    return profile?.timeZone || workspace.defaultTimeZone || this.#options.defaultTimeZone;
  }

  /** Only what the step looks at. */
  async #load(traveller: TravellerDocument, journey: CompiledJourney, step: JourneyStep, at: Date): Promise<StepFacts> {
    const { facts, findOrders, store } = this.#options;
    const { workspaceId, userId, path, enteredAt } = traveller;
    const needs = findNeeds(journey, step);
    const ids = needs.outcomesOf.flatMap((of) => path.findLast(({ stepId }) => stepId === of)?.interventionId ?? []);
    const [context, profile, kinds, orders] = await Promise.all([
      needs.roots.has("context") ? facts.findContext(workspaceId, userId) : undefined,
      needs.roots.has("profile") ? facts.findProfile(workspaceId, userId) : undefined,
      ids.length === 0 ? new Map<string, Set<string>>() : findEventKinds(store, workspaceId, ids),
      needs.orders ? findOrders(workspaceId, userId, enteredAt, at) : [],
    ]);
    return {
      facts: { context, profile, now: at },
      hasOrdered: orders.length > 0,
      findHappened: (of) => {
        const id = path.findLast(({ stepId }) => stepId === of)?.interventionId ?? "";
        return toKinds(kinds.get(id) ?? new Set());
      },
    };
  }

  async #findVersion({ workspaceId, campaignId, journeyVersion }: TravellerDocument): Promise<Version | undefined> {
    const key = `${workspaceId}/${campaignId}/${journeyVersion}`;
    const known = this.#versions.get(key);
    if (known !== undefined) return known;
    const which = { workspaceId, campaignId, version: journeyVersion };
    const campaign = await findJourneyVersion(this.#options.store, which);
    if (campaign === undefined) return undefined;
    const version = { campaign, journey: compileJourney(campaign.journey ?? create(JourneySchema)) };
    this.#versions.set(key, version);
    return version;
  }
}

const KINDS = new Map(
  Object.values(EventKind)
    .filter((kind): kind is EventKind => typeof kind === "number")
    .map((kind) => [EventKind[kind].toLowerCase(), kind]),
);

const toKinds = (names: ReadonlySet<string>) => new Set([...names].flatMap((name) => KINDS.get(name) ?? []));

function leave({ dueAt: _, ...traveller }: TravellerDocument, because: string, at: Date): TravellerDocument {
  return { ...traveller, moves: traveller.moves + 1, leftAt: at, leftBecause: because };
}

/** The message that a step asks for: the campaign's, with the step's own words. */
function toRequest(campaign: Campaign, send: SendStep, { _id, moves, userId, source }: TravellerDocument) {
  const { content: _, template: __, ...rest } = campaign;
  const said: Campaign = {
    ...rest,
    ...(send.content === undefined ? {} : { content: send.content }),
    ...(send.template === undefined ? {} : { template: send.template }),
    ...(send.policy === undefined ? {} : { policy: send.policy }),
  };
  const key = `journey/${_id}/${moves}`;
  return toCampaignTrigger(said, { userId, key, source: fromBinary(TriggerSourceSchema, source.value()) });
}
