import {
  type BgNbdParameters,
  expectedPurchases,
  probabilityAlive,
  probabilityOfPurchase,
} from "../../../src/domain/statistics/bg-nbd.ts";
import { isObject, type JsonCloudEvent } from "../cloud-event.ts";
import { abandonmentRisk, applyToCart, type Cart, EMPTY_CART } from "./cart.ts";
import { PurchaseDays, toDay } from "./customer-statistics.ts";

/** One prediction, as JSON data of a CloudEvent of type `ai.prediction.{kind}`: protobuf's JSON of `intervention.v1.Prediction`. */
export type PredictionData = {
  readonly prediction_id: string;
  readonly user_id: string;
  readonly kind: `PREDICTION_KIND_${"CHURN" | "PURCHASE_INTENT" | "ABANDONMENT_RISK"}`;
  readonly score: number;
  readonly model: string;
  readonly model_version: string;
  readonly predict_time: string;
  readonly expire_time: string;
  readonly features: Readonly<Record<string, unknown>>;
};

/** How far ahead purchase intent looks. */
const HORIZON_WEEKS = 4;
const weekMs = 604_800_000;
/** A cart is another one soon. */
const cartTtlMs = 1_800_000;
const idsMax = 10_000;

type Shopper = { days: PurchaseDays; cart: Cart };

/** What is known of all shoppers, in memory, and what follows from it. The same events in the same order lead to the same predictions
 *  under the same ids, so that starting again from the first event is harmless. */
export class ShopperModel {
  readonly #parameters: BgNbdParameters;
  readonly #shoppers = new Map<string, Shopper>();
  /** The newest events' ids: what is repeated soon after leads to nothing. */
  readonly #seen = new Set<string>();

  constructor(parameters: BgNbdParameters) {
    this.#parameters = parameters;
  }

  get shopperCount(): number {
    return this.#shoppers.size;
  }

  /** A purchase of before the first event.
   *  @param date YYYY-MM-DD. */
  learn(userId: string, date: string): void {
    this.#shopper(userId).days.add(toDay(date));
  }

  /** Takes an event of the shop in, and foresees anew what it bears on: churn and purchase intent after an order, the risk of
   *  abandonment after what changes the cart. */
  apply(event: JsonCloudEvent): PredictionData[] {
    const userId = typeof event.data.user_id === "string" ? event.data.user_id : event.subject;
    const id = `${event.source}/${event.id}`;
    if (!event.type.startsWith("shop.") || this.#seen.has(id)) return [];
    this.#remember(id);
    const shopper = this.#shopper(userId);
    const before = shopper.cart;
    shopper.cart = applyToCart(before, event);
    const isOrder = event.type === "shop.order.placed";
    if (isOrder) shopper.days.add(toDay(shopDateOf(event)));
    const about = { id, userId, event };
    return [
      ...(shopper.cart === before ? [] : [this.#foreseeAbandonment(about, shopper)]),
      ...(isOrder ? this.#foreseeBuying(about, shopper) : []),
    ];
  }

  #foreseeBuying(about: About, { days }: Shopper): PredictionData[] {
    const history = days.at(toDay(shopDateOf(about.event)));
    // Of an order that is older than another one the model says nothing new.
    if (history === undefined) return [];
    const features = {
      ...attributesOf(about.event),
      ...orderOf(about.event),
      x: history.x,
      t_x_weeks: history.tX,
      t_weeks: history.T,
      expected_purchases: expectedPurchases(this.#parameters, history, HORIZON_WEEKS),
      horizon_weeks: HORIZON_WEEKS,
    };
    const model = { name: "bg-nbd", ttlMs: HORIZON_WEEKS * weekMs, features };
    const churn = 1 - probabilityAlive(this.#parameters, history);
    const intent = probabilityOfPurchase(this.#parameters, history, HORIZON_WEEKS);
    return [toPrediction(about, "CHURN", churn, model), toPrediction(about, "PURCHASE_INTENT", intent, model)];
  }

  #foreseeAbandonment(about: About, { cart, days }: Shopper): PredictionData {
    const items = [...cart.quantities.values()].reduce((sum, quantity) => sum + quantity, 0);
    const features = { ...attributesOf(about.event), items, is_in_checkout: cart.isInCheckout, purchases: days.count };
    const model = { name: "cart-rule", ttlMs: cartTtlMs, features };
    return toPrediction(about, "ABANDONMENT_RISK", abandonmentRisk(cart, days.count), model);
  }

  #shopper(userId: string): Shopper {
    const known = this.#shoppers.get(userId) ?? { days: new PurchaseDays(), cart: EMPTY_CART };
    this.#shoppers.set(userId, known);
    return known;
  }

  #remember(id: string): void {
    this.#seen.add(id);
    const [oldest] = this.#seen;
    if (this.#seen.size > idsMax && oldest !== undefined) this.#seen.delete(oldest);
  }
}

type About = { readonly id: string; readonly userId: string; readonly event: JsonCloudEvent };
type Model = { readonly name: string; readonly ttlMs: number; readonly features: Readonly<Record<string, unknown>> };

function toPrediction(
  { id, userId, event }: About,
  kind: "CHURN" | "PURCHASE_INTENT" | "ABANDONMENT_RISK",
  score: number,
  { name, ttlMs, features }: Model,
): PredictionData {
  return {
    prediction_id: `${id}/${kind.toLowerCase()}`,
    user_id: userId,
    kind: `PREDICTION_KIND_${kind}`,
    score,
    model: name,
    model_version: "1",
    predict_time: event.time,
    expire_time: new Date(Date.parse(event.time) + ttlMs).toISOString(),
    features,
  };
}

/** A replay says in `shop_date` when it was for the shop; else it is now. */
function shopDateOf(event: JsonCloudEvent): string {
  const { shop_date: shopDate } = attributesOf(event);
  return typeof shopDate === "string" && !Number.isNaN(Date.parse(shopDate)) ? shopDate : event.time;
}

function attributesOf({ data }: JsonCloudEvent): Readonly<Record<string, unknown>> {
  return isObject(data.attributes) ? data.attributes : {};
}

function orderOf({ data }: JsonCloudEvent): Readonly<Record<string, unknown>> {
  return isObject(data.order) && typeof data.order.order_id === "string" ? { order_id: data.order.order_id } : {};
}
