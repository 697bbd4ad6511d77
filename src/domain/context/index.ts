export { applyEvents, emptyContext, type KnownShopEvent } from "./apply-events.ts";
export { checkShopEvent } from "./check-shop-event.ts";
export { findWatchDue } from "./find-watch-due.ts";
export { judgeSilence, type SilenceBounds } from "./judge-silence.ts";
export { hasItems, toContext } from "./to-context.ts";
