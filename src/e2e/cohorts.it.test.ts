import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { readCdnow } from "../../bench/cdnow.ts";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { startCallers } from "../api/testing/start-callers.ts";
import { creditAll, insertEvents, toEventDocument, toOrderKey, toStored } from "../store/index.ts";

const BATCH = 5_000;

type Cohort = {
  readonly month: string;
  readonly customers: string;
  readonly months: readonly {
    readonly offset: number;
    readonly customers: string;
    readonly orders: string;
    readonly amounts: readonly { readonly revenueMinor: string }[];
  }[];
};

it("a shop's real purchases of eighteen months come out as cohorts with every order, customer and cent", async () => {
  await using api = await startCallers("intervention.v1.AnalyticsService");
  const purchases = await readCdnow();
  for (let first = 0; first < purchases.length; first += BATCH) {
    const documents = purchases.slice(first, first + BATCH).map((purchase, i) => {
      const orderId = `o${first + i}`;
      const at = new Date(`${purchase.date}T12:00:00Z`);
      const event = create(EventSchema, {
        ...{ eventId: toOrderKey("main", orderId), kind: EventKind.CONVERTED, workspace: "main", orderId },
        ...{ userId: purchase.customer, currency: "USD", valueMinor: BigInt(purchase.cents) },
        occurTime: timestampFromDate(at),
      });
      return toStored(toEventDocument(event, at));
    });
    await insertEvents(api.store, documents);
    await creditAll(api.store, documents);
  }
  const at = (year: number, month: number) => ({ seconds: Date.UTC(year, month, 1) / 1_000 });
  const span = { startTime: at(1997, 0), endTime: at(1998, 7) };
  const { body } = await api.call("GetCohorts", span);
  expect(body).toMatchObject({
    ...{ orders: "69659", customers: "23570" },
    amounts: [{ currency: "USD", revenueMinor: "250031563" }],
  });

  // A simple count of the same.
  const firsts = new Map<string, string>();
  for (const { customer, date } of purchases) if (!firsts.has(customer)) firsts.set(customer, date.slice(0, 7));
  const counted = new Map<string, { orders: number; cents: number; customers: Set<string> }>();
  for (const { customer, date, cents } of purchases) {
    const key = `${firsts.get(customer)} ${date.slice(0, 7)}`;
    const one = counted.get(key) ?? { orders: 0, cents: 0, customers: new Set() };
    counted.set(key, one);
    one.orders += 1;
    one.cents += cents;
    one.customers.add(customer);
  }
  const cohorts = body.cohorts as Cohort[];
  expect(cohorts.map(({ month }) => month)).toEqual(["1997-01", "1997-02", "1997-03"]);
  for (const { month, months } of cohorts)
    for (const { offset, customers, orders, amounts } of months) {
      const later = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)) - 1 + offset, 1));
      const expected = counted.get(`${month} ${later.toISOString().slice(0, 7)}`);
      expect([Number(customers), Number(orders), Number(amounts[0]?.revenueMinor)]).toEqual([
        ...[expected?.customers.size, expected?.orders, expected?.cents],
      ]);
    }
}, 180_000);
