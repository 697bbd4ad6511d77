import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Purchase, readCdnow } from "../../bench/cdnow.ts";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { EventService } from "../../gen/intervention/v1/event_service_pb.js";
import { GoalKind, OrderMeasure } from "../../gen/intervention/v1/experiment_pb.js";
import {
  type ExperimentEstimate,
  ExperimentVerdict_Kind,
  GuardrailFinding_State,
  VariantComparison_Claim,
} from "../../gen/intervention/v1/experiment_results_pb.js";
import { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { RunService, RunState } from "../../gen/intervention/v1/run_service_pb.js";
import type { SegmentRuleSchema } from "../../gen/intervention/v1/segment_pb.js";
import { SegmentService } from "../../gen/intervention/v1/segment_service_pb.js";
import { ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import { toBucket } from "../domain/experiment/bucket.ts";
import { toMemberKey } from "../store/index.ts";
import { bearer } from "../testing/bearer.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

const DAY_MS = 86_400_000;
/** Every fourth customer: enough for the effect, and a quarter of the time. */
const ONE_IN = 4;
const BATCH = 1_000;
const SLOW_MS = 240_000;
/** Those whom recency, frequency and monetary value say to be gone. */
const GONE: readonly string[] = ["rfm-at-risk", "rfm-hibernating"];
/** Everybody who has ordered. */
const ORDERED = { rule: { case: "did" as const, value: { kind: ShopEventKind.ORDER_PLACED, atLeast: 1 } } };
/** How many come back, by variant: what the report has to find out. */
const RATES = { none: 0.08, plain: 0.14, bold: 0.26 } as const;

type Variant = keyof typeof RATES;
const isVariant = (name: string): name is Variant => Object.hasOwn(RATES, name);

/** What chance says of a user: the same in every run. */
const drawOf = (what: string, userId: string) => toBucket(`test/${what}`, userId);

const orderOf = (userId: string, at: { readonly ms: number; readonly id: string; readonly cents: number }) => ({
  ...{ eventId: at.id, kind: ShopEventKind.ORDER_PLACED, userId },
  occurTime: timestampFromMs(at.ms),
  order: { orderId: at.id, total: { currency: "USD", minor: BigInt(at.cents) } },
});
type OrderEvent = ReturnType<typeof orderOf>;

const holds = (estimate: ExperimentEstimate | undefined, truth: number) =>
  estimate !== undefined && estimate.low <= truth && truth <= estimate.high;

describe("a win-back campaign for those whom a shop's real purchases say are gone", () => {
  let engine: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    engine = await start();
  }, SLOW_MS);
  afterAll(() => engine[Symbol.asyncDispose]());

  async function start() {
    const parts = await startParts();
    const { container, services, store } = parts;
    const { server } = await container.get(services.api);
    for (const role of ["eventIntake", "segmentMembers", "decide", "track", "schedule"] as const)
      await container.get<unknown>(services[role]);
    const transport = createGrpcTransport({
      baseUrl: `http://127.0.0.1:${server.port}`,
      interceptors: [bearer(parts.apiKey)],
    });
    const client = <T extends Parameters<typeof createClient>[0]>(service: T) => createClient(service, transport);
    const tell = async (orders: readonly OrderEvent[]) => {
      for (let first = 0; first < orders.length; first += BATCH)
        await client(EventService).ingestBatch({ events: orders.slice(first, first + BATCH) });
    };
    return {
      ...parts,
      client,
      tell,
      makeSegment: async (segmentId: string, rule: MessageInitShape<typeof SegmentRuleSchema> | undefined) =>
        client(SegmentService).createSegment({ segmentId, segment: { displayName: segmentId, ...(rule && { rule }) } }),
      untilMembers: (segmentId: string, count: number) =>
        until(
          async () => {
            const filter = { workspaceId: "main", keys: toMemberKey(segmentId) };
            return (await store.shoppers.countDocuments(filter)) === count;
          },
          `${count} members of ${segmentId}`,
          SLOW_MS,
        ),
      conversions: () => store.conversions.countDocuments({ workspaceId: "main" }),
    };
  }

  /** What was bought, as if the last of it had been bought the day before yesterday. */
  async function readHistory(): Promise<{
    readonly orders: readonly OrderEvent[];
    readonly usualCents: ReadonlyMap<string, number>;
  }> {
    const purchases = (await readCdnow()).filter(({ customer }) => Number(customer) % ONE_IN === 0);
    const lastMs = Date.parse(purchases.at(-1)?.date ?? "");
    const shiftMs = Date.now() - 2 * DAY_MS - lastMs;
    const orders = purchases.map(({ cents, customer, date, line }) =>
      orderOf(customer, { ms: Date.parse(date) + shiftMs, id: `past-${line}`, cents }),
    );
    const bought = Map.groupBy(purchases, ({ customer }) => customer);
    const mean = (some: readonly Purchase[]) => some.reduce((sum, { cents }) => sum + cents, 0) / some.length;
    return { orders, usualCents: new Map([...bought].map(([customer, some]) => [customer, Math.round(mean(some))])) };
  }

  it(
    "finds the effect that was put into it, for the variants and against the holdout, and a fault in who came in",
    async () => {
      const { client, conversions, makeSegment, store, tell, untilMembers } = engine;
      const { orders, usualCents } = await readHistory();
      await makeSegment("customers", ORDERED);
      await tell(orders);
      await until(async () => (await conversions()) === orders.length, "all orders known", SLOW_MS);
      await untilMembers("customers", usualCents.size);
      const { segments: suggested } = await client(SegmentService).suggestSegments({});
      for (const { rule, segmentId } of suggested) if (GONE.includes(segmentId)) await makeSegment(segmentId, rule);
      await makeSegment("gone", {
        rule: { case: "any", value: { rules: GONE.map((id) => ({ rule: { case: "inSegment", value: id } })) } },
      });
      const { segment: gone } = await client(SegmentService).getSegment({ name: "gone" });
      const { count } = await client(SegmentService).previewSegment({ rule: gone?.rule });
      expect(count).toBeGreaterThan(1_500n);
      await untilMembers("gone", Number(count));

      await client(CampaignService).create({
        campaignId: "win-back",
        campaign: {
          ...{ displayName: "Win back", state: CampaignState.RUNNING, content: { title: "We miss you" } },
          trigger: { on: { case: "event", value: ShopEventKind.CART_ABANDONED } },
          policy: { channels: [Channel.INBOX] },
        },
      });
      const returned = { case: "orders", value: OrderMeasure.COUNT } as const;
      const spent = { case: "orders", value: OrderMeasure.VALUE } as const;
      await client(ExperimentService).createExperiment({
        experimentId: "tone",
        experiment: {
          ...{ displayName: "Tone", campaigns: ["win-back"], control: "plain" },
          variants: [
            { variantId: "plain", weight: 2 },
            { variantId: "bold", weight: 2, treatment: { content: { title: "WE MISS YOU!" } } },
            { variantId: "none", weight: 1, holdout: true },
          ],
          goals: [
            { goalId: "returned", kind: GoalKind.BINARY, measure: { of: returned } },
            {
              ...{ goalId: "spent", kind: GoalKind.REVENUE, measure: { of: spent }, currency: "USD" },
              ...{ winsorize: 0.999, before: { seconds: 366n * 86_400n } },
            },
          ],
          guardrails: [
            {
              margin: 0.9,
              goal: {
                ...{ goalId: "basket", kind: GoalKind.RATIO, measure: { of: spent }, dividedBy: { of: returned } },
                currency: "USD",
              },
            },
          ],
        },
      });
      await client(ExperimentService).startExperiment({ name: "tone" });
      const experiments = await engine.container.get(engine.services.experiments);
      await until(() => experiments.listOf("main", "win-back").length > 0, "experiment known");

      const request = { campaign: "win-back", segment: "gone", requestId: "once" };
      const runId = (await client(RunService).startRun(request)).run?.runId ?? "";
      const run = await until(
        async () => {
          const found = (await client(RunService).getRun({ runId })).run;
          return found?.state === RunState.DONE ? found : undefined;
        },
        "everybody accepted",
        SLOW_MS,
      );
      const exposures = () => store.exposures.find({ workspaceId: "main" }).toArray();
      await until(async () => BigInt((await exposures()).length) === run.acceptedCount, "everybody assigned", SLOW_MS);
      const entrants = (await exposures()).toSorted((a, b) => (a.userId < b.userId ? -1 : 1));

      // Those who come back buy for what they usually spend.
      const back = entrants.flatMap(({ userId, variant }) => {
        if (!isVariant(variant)) throw new Error(`${variant} is no variant`);
        const isBack = drawOf("returns", userId) < RATES[variant];
        const cents = Math.round((usualCents.get(userId) ?? 0) * (0.5 + drawOf("spends", userId)));
        return isBack ? [orderOf(userId, { ms: Date.now(), id: `back-${userId}`, cents })] : [];
      });
      await tell(back);
      await until(async () => (await conversions()) === orders.length + back.length, "all returns known", SLOW_MS);

      const analyse = async () => (await client(ExperimentService).analyzeExperiment({ name: "tone" })).results;
      const results = await analyse();
      // The report's counts are those of a simple count.
      for (const { users, values, variantId } of results?.variants ?? []) {
        const own = entrants.filter(({ variant }) => variant === variantId);
        const came = new Set(own.map(({ userId }) => `back-${userId}`));
        expect(users).toBe(BigInt(own.length));
        expect(values.returned).toBeCloseTo(back.filter(({ eventId }) => came.has(eventId)).length / own.length, 12);
      }
      const [rate, money] = results?.comparisons ?? [];
      expect(rate).toMatchObject({ variantId: "bold", goalId: "returned", claim: VariantComparison_Claim.BETTER });
      expect(holds(rate?.difference, RATES.bold - RATES.plain)).toBe(true);
      const usual =
        entrants.reduce((sum, { userId }) => sum + (usualCents.get(userId) ?? 0), 0) / entrants.length / 100;
      expect(money).toMatchObject({ variantId: "bold", goalId: "spent" });
      expect(holds(money?.difference, (RATES.bold - RATES.plain) * usual)).toBe(true);
      const treated = (RATES.bold + RATES.plain) / 2;
      const lift = results?.holdoutLifts.find(({ comparison }) => comparison?.goalId === "returned");
      expect(lift?.comparison?.claim).toBe(VariantComparison_Claim.BETTER);
      expect(holds(lift?.comparison?.difference, treated - RATES.none)).toBe(true);
      const treatedUsers = entrants.filter(({ variant }) => variant !== "none").length;
      expect(holds(lift?.incremental, (treated - RATES.none) * treatedUsers)).toBe(true);
      expect(results?.sampleRatioPValue).toBeGreaterThan(0.001);
      expect(results?.guardrails).toMatchObject([{ goalId: "basket", state: GuardrailFinding_State.HOLDS }]);
      expect(results?.verdict).toMatchObject({ kind: ExperimentVerdict_Kind.BETTER, promotable: ["bold"] });
      expect(results?.verdict?.sentences[0]).toContain('"bold" does better than "plain" in "returned"');

      // A fault that loses a fifth of one variant's users: whatever their figures say, nothing is claimed.
      const bold = entrants.filter(({ variant }) => variant === "bold");
      const missing = bold.filter((_, n) => n % 5 === 0).map(({ _id }) => _id);
      await store.exposures.deleteMany({ _id: { $in: missing } });
      const faulty = await analyse();
      expect(faulty?.sampleRatioPValue).toBeLessThan(0.001);
      expect(faulty?.verdict).toMatchObject({ kind: ExperimentVerdict_Kind.BLOCKED, promotable: [] });
      for (const { claim } of faulty?.comparisons ?? []) expect(claim).toBe(VariantComparison_Claim.UNSPECIFIED);
    },
    SLOW_MS,
  );
});
