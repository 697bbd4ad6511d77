import type { DescMessage } from "@bufbuild/protobuf";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { TriggerSourceSchema } from "../../gen/intervention/v1/campaign_pb.js";
import { DecisionInputSchema, DecisionSchema } from "../../gen/intervention/v1/decision_pb.js";
import { InterventionFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { PredictionSchema, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import {
  type EventCollection,
  onStore,
  profileId,
  type Store,
  toAttemptFilters,
  toEventFilters,
  toOrderKey,
} from "../store/index.ts";
import {
  findOfInterventions,
  findRounds,
  type Pages,
  pagesByInterventions,
  pagesOfUser,
  type ToFilters,
  type Whose,
} from "./find-personal.ts";

/** A collection that knows users. */
export type PersonalCollection = {
  /** Its documents of one user, a page after another. */
  readonly pages: (store: Store, whose: Whose) => Pages;
  /** Those that belong to interventions, and so go when those go. */
  readonly ofInterventions?: (
    store: Store,
    interventionIds: readonly string[],
  ) => Promise<readonly { readonly _id: string }[]>;
  /** How long it is kept: counted from when its intervention was accepted, or from a time in it. An index must have exactly the
   *  workspace and that time. */
  readonly retention?: {
    readonly kind: string;
    readonly timeField?: string;
    /** Where nothing is set. Default: 0, for ever. */
    readonly days?: number;
    /** Figures are reckoned from it: it goes by whole UTC days, when the figures of these are final. */
    readonly isCounted?: true;
    /** Counted from when it happened, and archived before it goes, where there is an archive. */
    readonly archivedAs?: EventCollection;
  };
  /** The fields that hold encoded messages, for the export. */
  readonly messages?: Readonly<Record<string, DescMessage>>;
};

/** One that does not, and why. */
type Impersonal = { readonly why: string };

/** A collection in which a user's documents are found by filters of their own.
 *  @param more.filters default: `workspaceId` and `userId`, with an index whose first two fields are these. */
const ofUser = (
  name: string,
  { filters, ...more }: Omit<PersonalCollection, "pages"> & { readonly filters?: ToFilters } = {},
): PersonalCollection => ({
  pages: (store, whose) => pagesOfUser(store, name, whose, filters),
  ...more,
});

/** One whose documents have the ids of attempts to deliver. */
const ofAttempts = (name: string): PersonalCollection => {
  const find = (store: Store, ids: readonly string[]) => findOfInterventions(store, name, toAttemptFilters(ids));
  return {
    pages: (store, whose) => pagesByInterventions(store, whose, (ids) => find(store, ids)),
    ofInterventions: find,
    retention: { kind: name },
  };
};

/** Every collection, by its name in the database. */
export const COLLECTIONS: Readonly<Record<string, PersonalCollection | Impersonal>> = {
  // What belongs to an intervention is found by it, so these come before the ledger.
  events: {
    pages: (store, whose) =>
      pagesByInterventions(store, whose, (ids) => findOfInterventions(store, "events", toEventFilters(ids))),
    ofInterventions: (store, ids) => findOfInterventions(store, "events", toEventFilters(ids)),
    retention: { kind: "events", isCounted: true, archivedAs: "events" },
  },
  decisions: {
    pages: (store, whose) => pagesByInterventions(store, whose, (ids) => findRounds(store, ids)),
    ofInterventions: findRounds,
    retention: { kind: "decisions" },
    messages: { decision: DecisionSchema, input: DecisionInputSchema },
  },
  attempts: ofAttempts("attempts"),
  attempt_results: ofAttempts("attempt_results"),
  outbox: { ...ofAttempts("outbox"), retention: { kind: "outbox", timeField: "at", days: 7 } },
  inbox: ofUser("inbox", {
    ofInterventions: (store, ids) => findOfInterventions(store, "inbox", [{ _id: { $in: [...ids] } }]),
    retention: { kind: "inbox" },
    messages: { frame: InterventionFrameSchema },
  }),
  webhook_deliveries: ofUser("webhook_deliveries", {
    retention: { kind: "webhook_deliveries", timeField: "at", days: 30 },
  }),
  interventions: ofUser("interventions", {
    ofInterventions: (store, ids) => findOfInterventions(store, "interventions", [{ _id: { $in: [...ids] } }]),
    retention: { kind: "interventions" },
    messages: { message: InterventionMessageSchema },
  }),
  consents: ofUser("consents"),
  consent_requests: ofUser("consent_requests"),
  profiles: ofUser("profiles", {
    filters: ({ workspaceId, userId }) => [{ _id: profileId(workspaceId, userId) }],
  }),
  profile_merges: ofUser("profile_merges", {
    filters: ({ workspaceId, userId }) => [{ _id: profileId(workspaceId, userId) }, { workspaceId, into: userId }],
  }),
  prediction_outcomes: ofUser("prediction_outcomes", {
    // They have the ids of the predictions, which have the user.
    filters: async ({ workspaceId, userId }, store) => {
      const filter = { workspaceId, userId };
      const found = await onStore(() => store.predictions.find(filter, { projection: { _id: 1 } }).toArray());
      return [{ _id: { $in: found.map(({ _id }) => _id) } }];
    },
  }),
  predictions: ofUser("predictions", { messages: { prediction: PredictionSchema } }),
  shop_events: ofUser("shop_events", { messages: { event: ShopEventSchema } }),
  cart_watches: ofUser("cart_watches"),
  // Refunds name no user: they are found by his orders, and so before these are gone.
  order_events: ofUser("order_events", {
    filters: async ({ workspaceId, userId }, store) => {
      const filter = { workspaceId, userId };
      const orders = await onStore(() => store.conversions.find(filter, { projection: { orderId: 1 } }).toArray());
      return [filter, { again: { $in: orders.map(({ orderId }) => toOrderKey(workspaceId, orderId)) } }];
    },
    retention: { kind: "order_events", isCounted: true, archivedAs: "order_events" },
  }),
  conversions: ofUser("conversions", { retention: { kind: "conversions", timeField: "at", isCounted: true } }),
  digest_items: ofUser("digest_items", { messages: { source: TriggerSourceSchema } }),
  digest_windows: ofUser("digest_windows"),
  contests: ofUser("contests"),
  travellers: ofUser("travellers", { messages: { source: TriggerSourceSchema } }),
  shopper_changes: ofUser("shopper_changes"),
  shoppers: ofUser("shoppers", {
    filters: ({ workspaceId, userId }) => [{ _id: profileId(workspaceId, userId) }],
  }),
  campaign_entries: ofUser("campaign_entries", {
    filters: async ({ workspaceId, userId }, store) => {
      const found = await onStore(() => store.campaigns.find({ workspaceId }, { projection: { _id: 1 } }).toArray());
      return [{ _id: { $in: found.map(({ _id }) => `${_id}/${userId}`) } }];
    },
  }),
  subscriptions: ofUser("subscriptions"),
  exposures: ofUser("exposures"),
  experiments: { why: "settings" },
  experiment_looks: { why: "what was decided of experiments, by sums over many" },
  products: { why: "what the shop sells" },
  topic_rules: { why: "settings" },
  fan_outs: { why: "what all followers of a topic get; whose they are is in the subscriptions" },
  campaigns: { why: "settings" },
  segments: { why: "settings" },
  schedules: { why: "settings" },
  journey_versions: { why: "settings" },
  campaign_budgets: { why: "sums over messages" },
  budget_claims: { why: "which messages were counted; whose they are is in the decisions" },
  placement_offers: { why: "settings" },
  rollups: { why: "counts of events, of nobody by himself" },
  rollup_marks: { why: "slices of time" },
  choice_buckets: { why: "sums over groups of users" },
  audit: { why: "who has changed what: keys and administrators" },
  workspaces: { why: "tenants" },
  api_keys: { why: "services' credentials, as hashes" },
  checkpoints: { why: "how far walks have come, and who walks" },
  provider_accounts: { why: "settings; the addresses in them are the shop's own" },
  webhook_endpoints: { why: "where a workspace's events are sent" },
  erasures: { why: "keyed hashes; the user's id only until an erasure is done" },
  quota_slots: { why: "which deliveries counted on a day; whose they are is in the attempts" },
  suppressions: {
    why: "keyed hashes of addresses, which must outlive their users: otherwise who comes back is written to again",
  },
  address_wishes: { why: "keyed hashes of addresses, and whether they are suppressed" },
  soft_bounces: { why: "keyed hashes of addresses, for a month" },
  retention: { why: "settings" },
  templates: { why: "what messages say, before anything of a user is in them" },
  template_versions: { why: "what messages say, before anything of a user is in them" },
  code_pools: { why: "settings" },
  codes: { why: "discount codes of the shop" },
  code_draws: { why: "which codes are taken, by intervention; whose they are is in the decisions" },
};

/** Those that know users, those of interventions before the ledger itself. */
export const PERSONAL_COLLECTIONS: readonly (readonly [string, PersonalCollection])[] = Object.entries(
  COLLECTIONS,
).filter((entry): entry is [string, PersonalCollection] => "pages" in entry[1]);
