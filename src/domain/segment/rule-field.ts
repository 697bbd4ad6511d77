import { ShopEventKind } from "../../../gen/intervention/v1/shopper_pb.js";

/** What a field that rules may name holds; `any` where the shop decides. */
export type RuleFieldKind = "number" | "text" | "time" | "any";

const ATTRIBUTES = "profile.attributes.";

/** Every ShopEventKind by the name that paths have. */
export const SHOP_EVENT_NAMES: ReadonlyMap<ShopEventKind, string> = new Map(
  Object.entries(ShopEventKind).flatMap(([name, kind]) =>
    typeof kind === "number" && kind !== ShopEventKind.UNSPECIFIED ? [[kind, name.toLowerCase()] as const] : [],
  ),
);

const KNOWN: ReadonlyMap<string, RuleFieldKind> = new Map<string, RuleFieldKind>([
  ["profile.locale", "text"],
  ["profile.time_zone", "text"],
  ["context.cart_value.minor", "number"],
  ["context.cart_value.currency", "text"],
  ["context.item_count", "number"],
  ["context.last_event_time", "time"],
  ["orders.count", "number"],
  ["orders.total.minor", "number"],
  ["orders.total.currency", "text"],
  ["orders.first_time", "time"],
  ["orders.last_time", "time"],
  ...[...SHOP_EVENT_NAMES.values()].flatMap((name) => [
    [`activity.${name}.first_time`, "time"] as const,
    [`activity.${name}.last_time`, "time"] as const,
  ]),
]);

const CHARACTERS_MAX = 256;

/** @returns what the field holds, or what is wrong with the path as `problem`. */
export function findRuleField(path: string): RuleFieldKind | { readonly problem: string } {
  if (path === "") return { problem: "it is empty; a field's path is needed" };
  if (path.length > CHARACTERS_MAX) return { problem: `it has more than ${CHARACTERS_MAX} characters` };
  if (path.startsWith(ATTRIBUTES) && path.length > ATTRIBUTES.length) return "any";
  return (
    KNOWN.get(path) ?? {
      problem: `"${path}" is not a known field; it is profile.attributes.{name} or one of ${[...KNOWN.keys()].filter((known) => !known.startsWith("activity.")).join(", ")}, activity.{kind}.first_time, activity.{kind}.last_time`,
    }
  );
}
