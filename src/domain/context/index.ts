export { applyEvents, emptyContext, type KnownShopEvent } from "./apply-events.ts";
export { checkShopEvent } from "./check-shop-event.ts";
export { hasItems, toContext } from "./to-context.ts";
