import { createHash } from "node:crypto";
import { clone, create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import type { Logger } from "pino";
import { z } from "zod";
import {
  Channel,
  ContentSchema,
  FrequencyCap_Scope,
  Presentation_Kind,
  PresentationSchema,
  Priority,
} from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import type {
  ChooseRequest,
  PageRule as PageRuleMessage,
  PlacementOffer,
} from "../../gen/intervention/v1/placement_service_pb.js";
import type { Context } from "../../gen/intervention/v1/shopper_pb.js";
import type { Acceptor } from "../accept/acceptor.ts";
import { type CompiledCondition, compileCondition } from "../domain/condition/compile-condition.ts";
import type { ProfileFacts } from "../domain/condition/field.ts";
import { InvalidInput } from "../domain/errors.ts";
import { type PageRule, toPath, withoutSlash } from "../domain/placement/match-page.ts";
import { type Offer, rankOffers } from "../domain/placement/rank-offers.ts";
import { listPlacementOffers, listPriorSends, type Store, toPlacementOffer } from "../store/index.ts";
import { getCaller } from "./authenticate.ts";
import {
  checked,
  locale,
  orEmpty,
  parseBoth,
  parseFields,
  show,
  text,
  withoutControlCharacters,
} from "./field-checks.ts";
import { type Owner, toOwner } from "./owner.ts";
import { PLACEMENT_NAME, parseTrigger } from "./parse-trigger.ts";

/** What choosing works with. */
export type ChooseParts = {
  readonly store: Store;
  readonly acceptor: Pick<Acceptor, "accept">;
  readonly log: Logger;
  readonly now: () => Date;
  readonly findContext: (workspaceId: string, userId: string) => Promise<Context>;
  readonly findProfileFacts: (workspaceId: string, userId: string) => Promise<ProfileFacts | undefined>;
};

const OFFERS_READ_MAX = 1_000;
/** Page views come in floods, and an offer that was changed may be a second late. */
const FRESH_MS = 1_000;
const WORKSPACES_MAX = 1_000;
/** Who has left the page by then needs it no more. */
const TTL_MS = 60_000;

const requestSchema = z.object({
  pageUrl: checked(text({ min: 1, max: 2_048 }), (url) =>
    toPath(url) === undefined ? `${show(url)} is neither a path nor an http or https address` : undefined,
  ),
  placements: z
    .array(checked(PLACEMENT_NAME))
    .min(1, "there are 0; 1 to 20 are allowed")
    .max(20, "there are too many; 1 to 20 are allowed"),
  locale: checked(orEmpty(locale)),
  viewId: checked(text({ min: 1, max: 64 }), withoutControlCharacters),
});

type LiveOffer = Offer & { readonly offer: PlacementOffer; readonly condition: CompiledCondition | undefined };
type Asked = z.output<typeof requestSchema> & { readonly owner: Owner };
type Loaded = { readonly readAtMs: number; readonly offers: Promise<readonly LiveOffer[]> };

/** Chooses what a page shows. Each choice is an intervention like any other: its decision asks for consent and holds the cap, and
 *  it is tracked and explained as they are. Its key is made of the offer, the user and the view, so that a call that is repeated
 *  leads to it once. */
export class OfferChooser {
  readonly #parts: ChooseParts;
  readonly #offers = new Map<string, Loaded>();

  constructor(parts: ChooseParts) {
    this.#parts = parts;
  }

  async choose(request: ChooseRequest, context: HandlerContext) {
    const [owner, fields] = parseBoth(
      () => toOwner(request.userId, context),
      () => parseFields(requestSchema, request),
    );
    const { workspace } = getCaller(context.values);
    const asked = { ...fields, owner };
    const path = toPath(fields.pageUrl) ?? "/";
    const nowMs = this.#parts.now().getTime();
    const ranked = rankOffers(await this.#load(owner.workspaceId), { path, placements: fields.placements, nowMs });
    const facts = new LazyFacts(this.#parts, owner);
    const chosen = await Promise.all(
      [...ranked.values()].map(async (offers) => {
        for (const live of offers) if (await this.#mayShow(live, owner, facts)) return live;
        return undefined;
      }),
    );
    const found = chosen.filter((live) => live !== undefined);
    const triggers = found.map((live) => toTrigger(live.offer, asked));
    const results = await this.#parts.acceptor.accept(workspace, triggers, "");
    return {
      choices: found.map(({ offer }, index) => {
        const result = results[index];
        if (result?.kind !== "accepted") throw result?.error;
        return { placement: offer.placement, offer: offer.name, interventionId: result.interventionId };
      }),
    };
  }

  /** The cap is asked here for the sake of the offer after this one; that it holds is the decision's matter. */
  async #mayShow({ offer, condition }: LiveOffer, owner: Owner, facts: LazyFacts): Promise<boolean> {
    if (condition !== undefined && (await facts.ask(condition)) !== true) return false;
    const { frequency } = offer;
    if (frequency?.window === undefined) return true;
    const since = new Date(this.#parts.now().getTime() - durationMs(frequency.window));
    const cap = { campaign: toCampaign(offer), since, limit: frequency.max };
    return (await listPriorSends(this.#parts.store, { ...owner, ...cap })).length < frequency.max;
  }

  #load(workspaceId: string): Promise<readonly LiveOffer[]> {
    const nowMs = this.#parts.now().getTime();
    const known = this.#offers.get(workspaceId);
    if (known !== undefined && Math.abs(nowMs - known.readAtMs) < FRESH_MS) return known.offers;
    const offers = this.#read(workspaceId);
    this.#offers.delete(workspaceId);
    this.#offers.set(workspaceId, { readAtMs: nowMs, offers });
    // What could not be read is read again with the next call.
    offers.catch(() => this.#offers.delete(workspaceId));
    const [oldest] = this.#offers.keys();
    if (this.#offers.size > WORKSPACES_MAX && oldest !== undefined) this.#offers.delete(oldest);
    return offers;
  }

  async #read(workspaceId: string): Promise<readonly LiveOffer[]> {
    const found = await listPlacementOffers(this.#parts.store, { workspaceId, limit: OFFERS_READ_MAX });
    return found.flatMap((document) => {
      const offer = toPlacementOffer(document);
      try {
        return [toLive(offer)];
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        // Saved by a version that knew other fields.
        this.#parts.log.error(
          { event: "offer_not_understood", offer: offer.name, err: error },
          "an offer's condition asks for what this version does not know: it is not shown",
        );
        return [];
      }
    });
  }
}

/** Loaded when the first condition looks at it, once for all of a call. */
class LazyFacts {
  readonly #parts: ChooseParts;
  readonly #owner: Owner;
  #context: Promise<Context> | undefined;
  #profile: Promise<ProfileFacts | undefined> | undefined;

  constructor(parts: ChooseParts, owner: Owner) {
    this.#parts = parts;
    this.#owner = owner;
  }

  async ask({ roots, test }: CompiledCondition) {
    const { workspaceId, userId } = this.#owner;
    if (roots.has("context")) this.#context ??= this.#parts.findContext(workspaceId, userId);
    if (roots.has("profile")) this.#profile ??= this.#parts.findProfileFacts(workspaceId, userId);
    const [context, profile] = await Promise.all([this.#context, this.#profile]);
    return test({ context, profile, now: this.#parts.now() });
  }
}

const toCampaign = ({ offerId }: PlacementOffer) => `placementOffers/${offerId}`;

function toTrigger(offer: PlacementOffer, { owner, locale: spoken, viewId }: Asked) {
  const { frequency, placement } = offer;
  // What is kept serves other views too.
  const content = clone(ContentSchema, offer.content ?? create(ContentSchema));
  content.presentation = create(PresentationSchema, { kind: Presentation_Kind.INLINE, placement, viewId });
  const cap = { max: frequency?.max ?? 0, scope: FrequencyCap_Scope.CAMPAIGN };
  const request = create(TriggerRequestSchema, {
    idempotencyKey: `placement/${toKey(offer.offerId, owner.userId, viewId)}`,
    recipient: { userId: owner.userId, locale: spoken },
    content,
    campaign: toCampaign(offer),
    // Somebody looks at the page: it can't wait behind a campaign.
    priority: Priority.HIGH,
    policy: {
      channels: [Channel.REALTIME],
      ...(frequency?.window === undefined ? {} : { frequencyCap: { ...cap, window: frequency.window } }),
    },
    expiration: { case: "ttl", value: durationFromMs(TTL_MS) },
  });
  return parseTrigger(request, { workspaceId: owner.workspaceId, newKey: () => viewId });
}

/** A user's id alone may be too long for a key. */
const toKey = (...parts: readonly string[]) => createHash("sha256").update(JSON.stringify(parts)).digest("hex");

function toLive(offer: PlacementOffer): LiveOffer {
  const { condition, startTime, endTime, offerId, placement, priority, pages } = offer;
  return {
    ...{ offer, offerId, placement, priority },
    pages: pages.flatMap(toPageRule),
    startMs: startTime && timestampMs(startTime),
    endMs: endTime && timestampMs(endTime),
    condition: condition && compileCondition(condition),
  };
}

/** A prefix may well end in a slash: `/shoes/` is what is below it. */
function toPageRule({ path }: PageRuleMessage): PageRule[] {
  if (path.case === undefined) return [];
  return [{ kind: path.case, path: path.case === "prefix" ? path.value : withoutSlash(path.value) }];
}
