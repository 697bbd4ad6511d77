import type { Purchase } from "../../../bench/cdnow.ts";

/** One thing a shopper does: a CloudEvent without its time, which the one who sends it gives. */
export type SessionEvent = {
  readonly id: string;
  readonly type: string;
  readonly userId: string;
  readonly data: Readonly<Record<string, unknown>>;
};

const currency = "USD";

/** What the data do not say but led to a purchase: the shop is looked at, the CDs are put in the cart, the checkout is started, the
 *  order is placed. The same purchase gives the same events. */
export function toSession(purchase: Purchase): SessionEvent[] {
  const { line, cds, cents, date } = purchase;
  const orderId = `cdnow-${line}`;
  const items = toItems(cds, cents);
  return numbered(orderId, purchase, [
    ["shop.page.viewed", { page: "/cds" }],
    ...items.map((item) => ["shop.item.added", { item }] as const),
    ["shop.checkout.started", {}],
    [
      "shop.order.placed",
      {
        order: { order_id: orderId, total: { currency, minor: cents }, items },
        attributes: { line, cds, cents, date, shop_date: date },
      },
    ],
  ]);
}

/** A visit that ends with a full cart and no order. */
export function toAbandonedSession(purchase: Purchase): SessionEvent[] {
  return numbered(`cdnow-${purchase.line}-abandoned`, purchase, [
    ["shop.page.viewed", { page: "/cds" }],
    ...toItems(purchase.cds, purchase.cents).map((item) => ["shop.item.added", { item }] as const),
  ]);
}

/** The CDs at two prices a cent apart, so that quantity times price adds up to what was paid, to the cent. */
function toItems(cds: number, cents: number) {
  if (cds === 0) return [];
  const floor = Math.floor(cents / cds);
  const dearer = cents - floor * cds;
  const item = (price: number, quantity: number) => ({
    product_id: `cd-${price}`,
    quantity,
    unit_price: { currency, minor: price },
  });
  return [item(floor, cds - dearer), ...(dearer === 0 ? [] : [item(floor + 1, dearer)])];
}

function numbered(
  prefix: string,
  { customer, date }: Purchase,
  events: readonly (readonly [type: string, data: Readonly<Record<string, unknown>>])[],
): SessionEvent[] {
  return events.map(([type, data], i) => ({
    id: `${prefix}-${i}`,
    type,
    userId: customer,
    data: { user_id: customer, attributes: { shop_date: date }, ...data },
  }));
}
