/** The client library's door: what a page or a Node program may use. */
export { createInterventionClient, type InterventionClient, type InterventionClientEvents } from "./client.ts";
export type { Action, Content, Presentation, PresentationKind } from "./content.ts";
export { type FailureReason, InterventionClientError } from "./failure.ts";
export type { Inbox, InboxItem, InboxListOptions, InboxPage } from "./inbox.ts";
export type { Intervention, Touchpoint } from "./intervention.ts";
export type { StorageLike } from "./memory.ts";
export type { InterventionClientOptions } from "./options.ts";
export type { PageLike } from "./page.ts";
export type { PageView, PlacementChoice, Placements } from "./placements.ts";
export type { Price, Product } from "./product.ts";
export type { ConnectionState, TransportMode } from "./session-state.ts";
export type { Clock } from "./timers.ts";
export type { WebSocketConstructor } from "./websocket-transport.ts";
