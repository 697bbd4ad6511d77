import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { ConsentStatus } from "../../../gen/intervention/v1/profile_pb.js";
import {
  type Context,
  type Prediction,
  type ShopEvent,
  ShopEventKind,
} from "../../../gen/intervention/v1/shopper_pb.js";
import { parseTime } from "../condition/compare.ts";
import { toExpiry } from "../prediction/to-expiry.ts";
import type { StandingConsent } from "../profile/consent.ts";
import { toConsentName } from "../profile/register-keys.ts";
import { toConsentPath, toPredictionName } from "./compile-rule.ts";
import { SHOP_EVENT_NAMES } from "./rule-field.ts";
import { type Activity, DAY_MS, type Fact, type ShopperFacts } from "./shopper-facts.ts";

/** What is known of a shopper, as the rest of the engine has it. */
export type KnownShopper = {
  readonly profile?:
    | {
        readonly timeZone: string;
        readonly locale: string;
        readonly attributes: JsonObject;
        readonly consents: readonly StandingConsent[];
      }
    | undefined;
  /** Of `events`. */
  readonly context: Context;
  /** The newest, in any order, each once. */
  readonly events: readonly ShopEvent[];
  /** The newest of each kind. */
  readonly predictions: readonly Prediction[];
  readonly lists: readonly string[];
};

/** All that segments look at, from what is known: the same whatever order that was learnt in. */
export function toShopperFacts({ profile, context, events, predictions, lists }: KnownShopper): ShopperFacts {
  const facts: Fact[] = [];
  const add = (path: string, fact: Omit<Fact, "path">) => facts.push({ path, ...fact });
  if (profile !== undefined) {
    if (profile.locale !== "") add("profile.locale", { text: profile.locale });
    if (profile.timeZone !== "") add("profile.time_zone", { text: profile.timeZone });
    for (const { status, ...subject } of profile.consents)
      add(toConsentPath(toConsentName(subject)), { text: status === ConsentStatus.GRANTED ? "granted" : "denied" });
    const attributes = Object.entries(profile.attributes).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, value] of attributes) addValue(facts, `profile.attributes.${name}`, value, OBJECTS_DEEP_MAX);
  }
  facts.push(...toContextFacts(context), ...toOrderFacts(events), ...toTimeFacts(events));
  return {
    facts: toOnePerPath(facts),
    activity: toActivity(events),
    foresight: predictions.map((one) => ({
      ...{ kind: toPredictionName(one.kind), score: one.score, until: toExpiry(one).getTime() },
    })),
    lists: [...lists],
  };
}

/** An attribute whose name has a dot in it can have the path of another's field: then the first by name stands. */
const toOnePerPath = (facts: readonly Fact[]) => [
  ...new Map(facts.toReversed().map((fact) => [fact.path, fact])).values(),
];

const OBJECTS_DEEP_MAX = 4;

/** Null and empty lists are as good as absent; lists of anything but scalars are not looked at. */
function addValue(facts: Fact[], path: string, value: JsonValue, deep: number): void {
  if (value === null) return;
  if (Array.isArray(value)) {
    const list = value.filter((one) => typeof one === "string" || typeof one === "number" || typeof one === "boolean");
    if (list.length > 0) facts.push({ path, list });
    return;
  }
  if (typeof value === "object") {
    facts.push({ path });
    if (deep > 0)
      for (const [name, child] of Object.entries(value)) addValue(facts, `${path}.${name}`, child, deep - 1);
    return;
  }
  if (typeof value === "number") facts.push({ path, number: value });
  else if (typeof value === "boolean") facts.push({ path, flag: value });
  else {
    const time = parseTime(value);
    facts.push({ path, text: value, ...(time === undefined ? {} : { time }) });
  }
}

function toContextFacts({ cartValue, items, lastEventTime }: Context): Fact[] {
  return [
    { path: "context.item_count", number: items.reduce((total, { quantity }) => total + quantity, 0) },
    ...(cartValue === undefined
      ? []
      : [
          { path: "context.cart_value.minor", number: Number(cartValue.minor) },
          { path: "context.cart_value.currency", text: cartValue.currency },
        ]),
    ...(lastEventTime === undefined ? [] : [{ path: "context.last_event_time", time: timestampMs(lastEventTime) }]),
  ];
}

const timeOf = ({ occurTime }: ShopEvent) => (occurTime === undefined ? 0 : timestampMs(occurTime));

/** Of orders that were told of twice the first counts. */
function toOrderFacts(events: readonly ShopEvent[]): Fact[] {
  const told = events
    .filter(({ kind }) => kind === ShopEventKind.ORDER_PLACED)
    .sort((a, b) => timeOf(a) - timeOf(b) || (a.eventId < b.eventId ? -1 : 1));
  const orders = [
    ...new Map(told.toReversed().map((event) => [event.order?.orderId ?? event.eventId, event])).values(),
  ];
  const totals = orders.flatMap(({ order }) => order?.total ?? []);
  const [first] = totals;
  const isOneCurrency = totals.every(({ currency }) => currency === first?.currency);
  const times = orders.map(timeOf);
  return [
    { path: "orders.count", number: orders.length },
    ...(orders.length === 0
      ? []
      : [
          { path: "orders.first_time", time: Math.min(...times) },
          { path: "orders.last_time", time: Math.max(...times) },
        ]),
    ...(first === undefined || !isOneCurrency
      ? []
      : [
          { path: "orders.total.minor", number: Number(totals.reduce((sum, { minor }) => sum + minor, 0n)) },
          { path: "orders.total.currency", text: first.currency },
        ]),
  ];
}

function toTimeFacts(events: readonly ShopEvent[]): Fact[] {
  return [...Map.groupBy(events, ({ kind }) => kind)].flatMap(([kind, some]) => {
    const name = SHOP_EVENT_NAMES.get(kind);
    if (name === undefined) return [];
    const times = some.map(timeOf);
    return [
      { path: `activity.${name}.first_time`, time: Math.min(...times) },
      { path: `activity.${name}.last_time`, time: Math.max(...times) },
    ];
  });
}

function toActivity(events: readonly ShopEvent[]): Activity[] {
  return [...Map.groupBy(events, ({ kind }) => kind)].flatMap(([kind, some]) => {
    const name = SHOP_EVENT_NAMES.get(kind);
    if (name === undefined) return [];
    const days = [...Map.groupBy(some, (event) => Math.floor(timeOf(event) / DAY_MS))].sort(([a], [b]) => b - a);
    let since = 0;
    return days.map(([day, { length }]) => {
      since += length;
      return { kind: name, day, since };
    });
  });
}
