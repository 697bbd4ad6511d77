import { describe, expect, it } from "vitest";
import { readCdnow } from "../../../bench/cdnow.ts";
import { seededRandom } from "../../../bench/random.ts";
import { decodeCloudEvent } from "../cloud-event.ts";
import { toMessages } from "./to-messages.ts";
import { toAbandonedSession, toSession } from "./to-session.ts";

const purchase = { line: 7, customer: "00004", date: "1997-01-18", cds: 3, cents: 2_975 };

describe("the session of a purchase", () => {
  it("looks, fills the cart, checks out and orders", () => {
    expect(toSession(purchase).map(({ id, type }) => [id, type])).toEqual([
      ["cdnow-7-0", "shop.page.viewed"],
      ["cdnow-7-1", "shop.item.added"],
      ["cdnow-7-2", "shop.item.added"],
      ["cdnow-7-3", "shop.checkout.started"],
      ["cdnow-7-4", "shop.order.placed"],
    ]);
  });

  it("has the data's own totals over all of them: CDs, cents, customers and orders", async () => {
    const orders = new Set<string>();
    const customers = new Set<string>();
    let cents = 0;
    for (const one of await readCdnow()) {
      let [quantity, inCart] = [0, 0];
      for (const { userId, data } of toSession(one)) {
        const { item, order } = data as { item?: Item; order?: { order_id: string; total: { minor: number } } };
        quantity += item?.quantity ?? 0;
        inCart += (item?.quantity ?? 0) * (item?.unit_price.minor ?? 0);
        cents += order?.total.minor ?? 0;
        if (order !== undefined) orders.add(order.order_id);
        customers.add(userId);
      }
      if (quantity !== one.cds || inCart !== one.cents) throw new Error(`line ${one.line}: ${quantity} for ${inCart}`);
    }
    expect([orders.size, customers.size, cents]).toEqual([69_659, 23_570, 250_031_563]);
  });

  it("without an order is one that was left behind", () => {
    expect(toAbandonedSession(purchase).map(({ type }) => type)).toEqual([
      "shop.page.viewed",
      "shop.item.added",
      "shop.item.added",
    ]);
  });
});

type Item = { readonly quantity: number; readonly unit_price: { readonly minor: number } };

describe("the messages of a purchase", () => {
  const messages = (disturbances: Parameters<typeof toMessages>[3]) =>
    toMessages(purchase, 1_000, seededRandom(3), disturbances);
  const read = (message: ReturnType<typeof messages>[number]) =>
    decodeCloudEvent((name) => message.headers[name], message.body);

  it("are in both content modes, in the order of their times, when nothing disturbs", () => {
    const all = messages({});
    expect(new Set(all.map(({ headers }) => headers["content-type"]))).toHaveLength(2);
    expect(all.map((message) => read(message)?.time)).toEqual(all.map((_, i) => new Date(1_000 + i).toISOString()));
  });

  it("come twice with one event id, and with two message ids so that the server keeps both", () => {
    const all = messages({ duplicateShare: 1 });
    expect(all).toHaveLength(10);
    expect(new Set(all.map((message) => read(message)?.id))).toHaveLength(5);
    expect(new Set(all.map(({ messageId }) => messageId))).toHaveLength(10);
  });

  it("come out of order without losing any", () => {
    const ids = (all: ReturnType<typeof messages>) => all.map((message) => read(message)?.id ?? "");
    const disordered = ids(messages({ disorderedShare: 1 }));
    expect(disordered).not.toEqual(ids(messages({})));
    expect(new Set(disordered)).toEqual(new Set(ids(messages({}))));
  });

  it("have malformed ones beside all the good ones", () => {
    const all = messages({ malformedShare: 1 });
    expect(all.filter(({ kind }) => kind === "good")).toHaveLength(5);
    expect(all.filter(({ kind }) => kind === "malformed")).toHaveLength(5);
  });
});
