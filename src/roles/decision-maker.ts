import { create } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Decision,
  type DecisionInput,
  DecisionInputSchema,
  Outcome,
  SuppressedAddressSchema,
} from "../../gen/intervention/v1/decision_pb.js";
import { FrequencyCap_Scope } from "../../gen/intervention/v1/intervention_pb.js";
import { ProfileSnapshotSchema } from "../../gen/intervention/v1/profile_pb.js";
import { type TemplateInput, TemplateInputSchema } from "../../gen/intervention/v1/template_input_pb.js";
import { toSubjectToken } from "../bus/index.ts";
import { invariant } from "../domain/assert.ts";
import { toProductStates } from "../domain/catalog/product-states.ts";
import { toCapSince } from "../domain/decision/ask-frequency-cap.ts";
import { decide } from "../domain/decision/decide.ts";
import { SPAN } from "../observe/index.ts";
import {
  type DecisionDocument,
  decisionId,
  findDecisions,
  findLastCapNumber,
  insertDecisions,
  listPriorSends,
  toDecision,
  toDecisionInput,
} from "../store/index.ts";
import { type Drafted, returnBudgets, spendBudgets } from "./budgets.ts";
import { addCampaign } from "./campaign-inputs.ts";
import { addChoice, addCosts } from "./choice-input.ts";
import type { DecideOptions, ToDecide } from "./decide.ts";
import { leaveContests, leaveStopped, settleContests } from "./exclusions.ts";
import { treatAll, withTreatments } from "./experiment-inputs.ts";
import { loadFallbackStates } from "./fallback-states.ts";
import { findProducts } from "./find-products.ts";
import { loadMemberships } from "./load-memberships.ts";
import { type LoadedProfile, ProfileLoader, type WhoToLoad } from "./profile-loader.ts";
import { loadSendHours } from "./send-hours.ts";
import { loadSuppressed, type Suppressed } from "./suppressed.ts";
import { TemplateInputs } from "./template-inputs.ts";
import { toAsked } from "./to-asked.ts";
import { toDecisionDocument } from "./to-decision-document.ts";
import { toOutsideWanted } from "./to-outside-wanted.ts";

/** A decision that stands in the store, whoever made it. */
export type Standing = {
  readonly work: ToDecide;
  readonly document: DecisionDocument;
  readonly decision: Decision;
  readonly isNew: boolean;
  /** What its message is rendered from, where a template says it. */
  readonly template?: TemplateInput;
};

/** What a cap is asked about one user. */
type History = { readonly sends: { interventionId: string; decidedAt: Date }[]; lastNumber: number };

/** Two deciders can meet at one user again and again, but each time one of them gets through. */
const CONFLICTS_MAX = 20;

/** Makes decisions and records them: load, decide, save. */
export class DecisionMaker {
  readonly #options: DecideOptions;
  readonly #profiles: ProfileLoader;
  readonly #templates: TemplateInputs;

  constructor(options: DecideOptions) {
    this.#options = options;
    this.#profiles = new ProfileLoader(options);
    this.#templates = new TemplateInputs(options);
  }

  /** Decides each intervention of a batch, once for ever: where a decision of this round stands already, it is returned as it is. */
  async decideAll(batch: readonly ToDecide[]): Promise<Standing[]> {
    const standing: Standing[] = [];
    const drafted = new Set<string>();
    // The same message can be twice in one batch, when it was put on the stream again.
    const given = new Map(batch.map((work) => [idOf(work), work]));
    const findProfile = await this.#profiles.load([...given.values()].map(toWho));
    let open = await treatAll(this.#options, [...given.values()], (work) => findProfile(toWho(work)));
    const askedOf = (work: ToDecide) => toAsked(work.message, findProfile(toWho(work)));
    const findSuppressed = await loadSuppressed(this.#options, open.map(askedOf));
    const suppressedOf = (work: ToDecide) => findSuppressed(askedOf(work));
    const toMember = (work: ToDecide) => ({
      workspaceId: work.message.workspace,
      userId: findProfile(toWho(work)).survivingUserId,
    });
    const findSegments = await loadMemberships(this.#options, open.map(toMember));
    const segmentsOf = (work: ToDecide) => findSegments(toMember(work));
    for (let attempt = 1; open.length > 0; attempt += 1) {
      invariant(attempt <= CONFLICTS_MAX, `${open.length} decisions met other deciders ${CONFLICTS_MAX} times`);
      const made = await this.#decideOnce(open, { findProfile, suppressedOf, segmentsOf });
      for (const { document, decision } of made) if (decision.outcome === Outcome.SEND) drafted.add(document._id);
      const conflicts = new Map(
        (
          await insertDecisions(
            this.#options.store,
            made.map(({ document }) => document),
          )
        ).map(({ index, indexName }) => [index, indexName]),
      );
      const decidedBefore: ToDecide[] = [];
      const again: ToDecide[] = [];
      for (const [index, one] of made.entries()) {
        const conflict = conflicts.get(index);
        if (conflict === undefined) standing.push(this.#count(one));
        else if (conflict === "cap_slot") again.push(one.work);
        else decidedBefore.push(one.work);
      }
      standing.push(...(await this.#load(decidedBefore.map((work) => given.get(idOf(work)) ?? work))));
      this.#options.metrics.capConflicts.inc(again.length);
      open = again;
    }
    await returnBudgets(this.#options, standing, drafted);
    const userOf = (work: ToDecide) => findProfile(toWho(work)).survivingUserId;
    await leaveContests(this.#options, standing, { drafted, userOf });
    return standing;
  }

  async #decideOnce(
    batch: readonly ToDecide[],
    known: {
      readonly findProfile: (who: WhoToLoad) => LoadedProfile;
      readonly suppressedOf: (work: ToDecide) => readonly Suppressed[];
      readonly segmentsOf: (work: ToDecide) => readonly string[];
    },
  ): Promise<Standing[]> {
    const now = new Date();
    const histories = new Map<string, Promise<History>>();
    const drafts: (Drafted & { readonly toStanding: (decision: Decision) => Standing })[] = [];
    const products = await findProducts(this.#options, batch.map(toMessage));
    const fallbacks = await loadFallbackStates(this.#options, batch.map(toMessage));
    const sendHours = await loadSendHours(this.#options, batch.map(toMessage), {
      now,
      findProfile: (message) => known.findProfile(toWho({ message })),
    });
    // In order: the sends of this batch count for what comes after them.
    for (const work of batch) {
      const profile = known.findProfile(toWho(work));
      const input = this.#toInput(work, now, profile);
      input.suppressedAddresses = known.suppressedOf(work).map((one) => create(SuppressedAddressSchema, one));
      await addCampaign(this.#options, input, work, now);
      const fallback = fallbacks.get(work.message);
      if (fallback !== undefined) input.fallback = fallback;
      const hours = sendHours.get(work.message);
      if (hours !== undefined) input.sendHours = hours;
      addChoice(this.#options, input, work.message);
      const states = toProductStates(work.message.content, products.get(work.message.workspace) ?? new Map());
      if (states !== undefined) input.products = states;
      const since = toCapSince(input);
      const history = since === undefined ? undefined : await this.#history(histories, { input, since, profile });
      if (history !== undefined)
        input.priorSends = history.sends
          .filter(({ interventionId }) => interventionId !== input.interventionId)
          .slice(0, input.policy?.frequencyCap?.max)
          .map(({ interventionId, decidedAt }) => ({
            $typeName: "intervention.v1.DecisionInput.PriorSend",
            interventionId,
            decideTime: timestampFromDate(decidedAt),
          }));
      const span = this.#options.traces.openSampled(SPAN.decide, work.traceparent);
      const decision =
        work.message.template === undefined ? decide(input) : await this.#decideTemplate(input, work, now);
      span?.end();
      if (history !== undefined && decision.outcome === Outcome.SEND) {
        // A fallback's intervention counts already, by its first send.
        if (fallback === undefined) history.sends.unshift({ interventionId: input.interventionId, decidedAt: now });
        history.lastNumber += 1;
      }
      const capNumber = history !== undefined && decision.outcome === Outcome.SEND ? history.lastNumber : undefined;
      const traced = { ...work, traceparent: span?.traceparent ?? work.traceparent };
      const toStanding = (final: Decision): Standing => {
        const number = final.outcome === Outcome.SEND ? capNumber : undefined;
        const capUserId = profile.survivingUserId;
        const segments = known.segmentsOf(work);
        return {
          ...{ work: traced, decision: final, isNew: true },
          document: toDecisionDocument({ input, decision: final, capNumber: number, now, capUserId, segments }),
          ...(input.template === undefined ? {} : { template: input.template }),
        };
      };
      drafts.push({ work, input, decision, toStanding, userId: profile.survivingUserId });
    }
    await settleContests(this.#options, drafts, now);
    await spendBudgets(this.#options, drafts, now);
    await leaveStopped(this.#options, drafts);
    return drafts.map(({ decision, toStanding }) => toStanding(decision));
  }

  /** Variables are looked up, and codes drawn, only for what all other rules let through; then the same rules are asked again. */
  async #decideTemplate(input: DecisionInput, { message }: ToDecide, now: Date): Promise<Decision> {
    const { template: use } = message;
    invariant(use !== undefined, "only what a template says comes here");
    const outline = await this.#templates.outline(input, use);
    input.template = outline;
    let decision = decide(input);
    let smsSegments = 0;
    // What an SMS costs is known when it is rendered: then another channel may have to take its place, once.
    for (let looks = 0; looks < 2 && decision.outcome === Outcome.SEND; looks += 1) {
      const { channel } = decision;
      const filled = await this.#templates.fill(input, outline, { message, use, channel, now });
      smsSegments ||= filled.smsSegments;
      input.template = create(TemplateInputSchema, { ...filled, smsSegments });
      addCosts(this.#options, input, message);
      decision = decide(input);
      if (decision.channel === channel) break;
    }
    return decision;
  }

  #toInput({ message }: ToDecide, now: Date, { snapshot, contacts }: LoadedProfile): DecisionInput {
    const outside = toOutsideWanted(message);
    const providedChannels = outside.filter((channel) => this.#options.isProvided(message.workspace, channel));
    const { addresses } = contacts;
    // What is not asked for is not recorded either.
    const known = { addresses, consents: [...snapshot.consents, ...contacts.consents] };
    const userId = message.recipient?.userId ?? "";
    return create(DecisionInputSchema, {
      workspace: message.workspace,
      interventionId: message.interventionId,
      round: message.round,
      ...(message.recipient === undefined ? {} : { recipient: message.recipient }),
      campaign: message.campaign,
      ...(message.policy === undefined ? {} : { policy: message.policy }),
      ...(message.expireTime === undefined ? {} : { expireTime: message.expireTime }),
      now: timestampFromDate(now),
      hasLiveSocket: this.#options.presence.isOnline(message.workspace, toSubjectToken(userId)),
      profile: outside.length === 0 ? snapshot : create(ProfileSnapshotSchema, { ...snapshot, ...known }),
      providedChannels,
      defaultTimeZone: this.#options.defaultTimeZoneOf(message.workspace),
      experiments: message.experiments,
    });
  }

  /** A cap counts what was sent to any of a user's ids, and numbers it under the surviving one. */
  #history(
    loaded: Map<string, Promise<History>>,
    asked: { readonly input: DecisionInput; readonly since: Date; readonly profile: LoadedProfile },
  ): Promise<History> {
    const { store } = this.#options;
    const { input, since, profile } = asked;
    const cap = input.policy?.frequencyCap;
    const userId = profile.survivingUserId;
    const isByCampaign = cap?.scope === FrequencyCap_Scope.CAMPAIGN;
    const key = JSON.stringify([
      input.workspace,
      userId,
      isByCampaign ? input.campaign : null,
      since.getTime(),
      cap?.max,
    ]);
    const known = loaded.get(key);
    if (known !== undefined) return known;
    const load = async () => {
      // The number first: a send that another decider records after this has a number that ours will collide with, and one
      // before it is among the sends read next.
      const lastNumber = await findLastCapNumber(store, input.workspace, userId);
      const common = {
        ...{ workspaceId: input.workspace, since, limit: (cap?.max ?? 0) + 1 },
        ...(isByCampaign ? { campaign: input.campaign } : {}),
      };
      const sends = (
        await Promise.all(profile.userIds.map((id) => listPriorSends(store, { ...common, userId: id })))
      ).flat();
      if (profile.userIds.length > 1) sends.sort((a, b) => b.decidedAt.getTime() - a.decidedAt.getTime());
      return { sends: sends.map(({ interventionId, decidedAt }) => ({ interventionId, decidedAt })), lastNumber };
    };
    const history = load();
    loaded.set(key, history);
    return history;
  }

  async #load(works: readonly ToDecide[]): Promise<Standing[]> {
    if (works.length === 0) return [];
    const found = new Map(
      (await findDecisions(this.#options.store, works.map(idOf))).map((document) => [document._id, document]),
    );
    return works.map((work) => {
      const document = found.get(idOf(work));
      invariant(document !== undefined, `decision ${idOf(work)} was refused as there already, and is not there`);
      const isPlain = work.message.template === undefined && document.inExperiment === undefined;
      const { experiments = [], template } = (isPlain ? undefined : toDecisionInput(document)) ?? {};
      // As it was decided, whatever has become of the experiments since.
      const decided = withTreatments(work, experiments);
      return { work: decided, document, decision: toDecision(document), isNew: false, ...(template && { template }) };
    });
  }

  #count(made: Standing): Standing {
    const { metrics } = this.#options;
    metrics.decisions.inc({ outcome: made.document.outcome, channel: made.document.channel ?? "none" });
    const { acceptTime, round } = made.work.message;
    if (round === 0 && acceptTime !== undefined)
      metrics.decideLag.observe((made.document.decidedAt.getTime() - timestampDate(acceptTime).getTime()) / 1_000);
    return made;
  }
}

const toMessage = ({ message }: Pick<ToDecide, "message">) => message;

const toWho = ({ message }: Pick<ToDecide, "message">): WhoToLoad => ({
  workspaceId: message.workspace,
  userId: message.recipient?.userId ?? "",
});

const idOf = ({ message }: ToDecide) => decisionId(message.interventionId, message.round);
