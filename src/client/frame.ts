import { type Content, parseContent } from "./content.ts";
import { type JsonObject, parseJson, toInteger, toObject, toText, toTexts, toTimeMs } from "./json.ts";
import { type Product, parseProducts } from "./product.ts";

/** Where a session left off. Offsets are 64-bit, so they stay decimal strings. */
export interface Resume {
  readonly epoch: string;
  readonly offset: string;
}

export type EventKind = "EVENT_KIND_DELIVERED" | "EVENT_KIND_DISPLAYED" | "EVENT_KIND_CLICKED" | "EVENT_KIND_DISMISSED";

/** One thing that happened on the device, as it goes over the wire. */
export interface ClientEvent {
  readonly ref: string;
  readonly kind: EventKind;
  readonly interventionId: string;
  /** RFC 3339, by the device's clock. */
  readonly occurTime: string;
  readonly actionId?: string;
  readonly clickId?: string;
}

/** What a device sends: realtime.proto's ClientFrame in protobuf's JSON mapping. */
export type ClientFrame =
  | { readonly hello: { readonly client: string; readonly resume?: Resume } }
  | { readonly track: { readonly events: readonly ClientEvent[] } }
  | { readonly refreshToken: { readonly token: string } }
  | { readonly pong: Record<string, never> };

export interface WelcomeFrame {
  readonly kind: "welcome";
  readonly sessionId: string;
  readonly epoch: string;
  readonly offset: string;
  readonly isRecovered: boolean;
  readonly unreadCount: number;
  /** 0 when the engine did not say. */
  readonly heartbeatMs: number;
  readonly serverTimeMs: number | undefined;
  readonly tokenExpireTimeMs: number | undefined;
}

export interface InterventionFrame {
  readonly kind: "intervention";
  readonly offset: string;
  readonly interventionId: string;
  readonly content: Content;
  readonly campaign: string;
  readonly products: readonly Product[];
  readonly acceptTimeMs: number | undefined;
  readonly expireTimeMs: number | undefined;
}

/** What the gateway sends, read and with its defaults filled in. */
export type ServerFrame =
  | WelcomeFrame
  | InterventionFrame
  | { readonly kind: "revoke"; readonly offset: string; readonly interventionId: string }
  | { readonly kind: "inboxChanged"; readonly offset: string; readonly interventionId: string }
  | { readonly kind: "ping" }
  | { readonly kind: "tracked"; readonly refs: readonly string[] }
  | { readonly kind: "drain"; readonly reconnectAfterMs: number }
  | { readonly kind: "fault"; readonly reason: string; readonly message: string; readonly refs: readonly string[] }
  | { readonly kind: "tokenRefreshed"; readonly tokenExpireTimeMs: number | undefined }
  /** A frame of a newer engine. It is passed over, so that engines can be upgraded before pages. */
  | { readonly kind: "unknown" };

/** @returns undefined when the text is no frame at all, or an intervention or a revoke without its id. */
export function parseServerFrame(text: string): ServerFrame | undefined {
  const frame = toObject(parseJson(text));
  if (frame === undefined) return undefined;
  for (const [name, body] of Object.entries(frame)) {
    const parse = Object.hasOwn(parsers, name) ? parsers[name] : undefined;
    if (parse !== undefined) return parse(toObject(body) ?? {});
  }
  return { kind: "unknown" };
}

const parsers: { readonly [name: string]: (body: JsonObject) => ServerFrame | undefined } = {
  welcome: (body) => ({
    kind: "welcome",
    sessionId: toText(body.sessionId),
    epoch: toText(body.epoch),
    offset: toText(body.offset) || "0",
    isRecovered: body.recovered === true,
    unreadCount: toInteger(body.unreadCount),
    heartbeatMs: toInteger(body.heartbeatMs),
    serverTimeMs: toTimeMs(body.serverTime),
    tokenExpireTimeMs: toTimeMs(body.tokenExpireTime),
  }),
  intervention: (body) => {
    const place = parsePlace(body);
    return (
      place && {
        kind: "intervention",
        ...place,
        content: parseContent(body.content),
        campaign: toText(body.campaign),
        products: parseProducts(body.products),
        acceptTimeMs: toTimeMs(body.acceptTime),
        expireTimeMs: toTimeMs(body.expireTime),
      }
    );
  },
  revoke: (body) => {
    const place = parsePlace(body);
    return place && { kind: "revoke", ...place };
  },
  inboxChanged: (body) => ({
    kind: "inboxChanged",
    offset: toText(body.offset) || "0",
    interventionId: toText(body.interventionId),
  }),
  ping: () => ({ kind: "ping" }),
  tracked: (body) => ({ kind: "tracked", refs: toTexts(body.refs) }),
  drain: (body) => ({ kind: "drain", reconnectAfterMs: Math.max(0, toInteger(body.reconnectAfterMs)) }),
  fault: (body) => ({
    kind: "fault",
    reason: toText(body.reason),
    message: toText(body.message),
    refs: toTexts(body.refs),
  }),
  tokenRefreshed: (body) => ({ kind: "tokenRefreshed", tokenExpireTimeMs: toTimeMs(body.tokenExpireTime) }),
};

function parsePlace(body: JsonObject): { offset: string; interventionId: string } | undefined {
  const interventionId = toText(body.interventionId);
  return interventionId === "" ? undefined : { offset: toText(body.offset) || "0", interventionId };
}
