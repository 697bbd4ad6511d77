import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { Actor, type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import type { EventPublisher } from "../bus/index.ts";
import { fromChannelName, OUTSIDE_CHANNELS } from "../domain/delivery/channel-names.ts";
import { addUtm } from "../domain/tracking/add-utm.ts";
import { classifyActor, type Judged } from "../domain/tracking/classify-actor.ts";
import { toActor } from "../domain/tracking/to-actor.ts";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "../gateway/index.ts";
import { CLICK_PATH, OPEN_PATH, type TrackedLink, type TrackedLinks } from "../integrations/tracked-links.ts";
import { HeldClicks } from "./held-clicks.ts";

/** What following links works with. */
export type LinkParts = {
  readonly links: TrackedLinks;
  readonly events: Pick<EventPublisher, "publish">;
  readonly log: Logger;
  readonly metrics: {
    readonly linkHits: { readonly inc: (labels: { readonly what: "click" | "open"; readonly actor: string }) => void };
    readonly linkHitsLost: { readonly inc: () => void };
  };
  readonly now: () => Date;
};

/** Hits that may wait for the disk. Beyond it a visitor still gets where he wants to, and the hit is counted as lost. */
const PENDING_MAX = 50_000;
/** A hit whose storing fails is tried again so often, after so long. */
const TRIES_MAX = 5;
const RETRY_MS = 1_000;

/** The smallest GIF there is: 1 × 1, transparent. */
const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
const NOT_KEPT = { "cache-control": "no-store, max-age=0", "referrer-policy": "no-referrer-when-downgrade" };

/** Serves the links and pictures of messages: `/c/{token}` leads to what was signed and nowhere else, `/o/{token}.gif` is a picture. The
 *  visitor waits for nothing: what happened is on its way to the disk when he is gone. */
export function serveLinks(edge: EdgeServer, parts: LinkParts): () => Promise<void> {
  const keeper = new HitKeeper(parts);
  const tell = (what: "click" | "open", event: Event) => {
    keeper.keep(event);
    parts.metrics.linkHits.inc({ what, actor: Actor[event.actor].toLowerCase() });
  };
  const clicks = new HeldClicks((event) => tell("click", event));
  const click = (request: EdgeRequest): EdgeResponse => {
    const link = parts.links.read(request.path.slice(CLICK_PATH.length + 1));
    if (link === undefined) return refusal();
    const judged = judge(request, { isTrap: link.url === "", isPixel: false });
    const at = parts.now();
    const event = toEvent(link, judged, { kind: EventKind.CLICKED, at });
    if (judged.actor === "person") clicks.hold(event, { atMs: at.getTime(), link: `${link.actionId} ${link.url}` });
    else tell("click", event);
    if (link.url === "") return { status: 204, headers: NOT_KEPT };
    const utm = { medium: link.channel, campaign: link.campaign, content: link.actionId };
    return { status: 302, headers: { ...NOT_KEPT, location: addUtm(link.url, utm) } };
  };
  const open = (request: EdgeRequest): EdgeResponse => {
    const link = parts.links.read(request.path.slice(OPEN_PATH.length + 1).replace(/\.gif$/, ""));
    if (link === undefined) return refusal();
    const judged = judge(request, { isTrap: false, isPixel: true });
    tell("open", toEvent(link, judged, { kind: EventKind.DISPLAYED, at: parts.now() }));
    return { status: 200, headers: { ...NOT_KEPT, "content-type": "image/gif" }, body: GIF };
  };
  for (const [path, handle] of [
    [CLICK_PATH, click],
    [OPEN_PATH, open],
  ] as const) {
    edge.route("get", `${path}/*`, handle);
    edge.app.head(`${path}/*`, (response, request) => {
      const headers = new Map<string, string>();
      request.forEach((name, value) => void headers.set(name, value));
      const answer = handle({ ...NO_REQUEST, method: "HEAD", path: request.getUrl(), headers });
      response.cork(() => {
        response.writeStatus(String(answer.status));
        for (const [name, value] of Object.entries(answer.headers ?? {})) response.writeHeader(name, value);
        response.endWithoutBody();
      });
    });
  }
  return () => {
    clicks.flush();
    return keeper.drained();
  };
}

const NO_REQUEST = {
  ...{ query: new URLSearchParams(), ip: "", body: new Uint8Array() },
  signal: new AbortController().signal,
} as const;

function judge(request: EdgeRequest, more: { readonly isTrap: boolean; readonly isPixel: boolean }): Judged {
  const header = (name: string) => request.headers.get(name) ?? "";
  return classifyActor({
    ...{ method: request.method, userAgent: header("user-agent") },
    purpose: header("sec-purpose") || header("purpose") || header("x-moz"),
    ...more,
  });
}

function toEvent(
  { workspaceId, interventionId, channel, actionId }: TrackedLink,
  judged: Judged,
  { kind, at }: { readonly kind: EventKind.CLICKED | EventKind.DISPLAYED; readonly at: Date },
): Event {
  const time = timestampFromDate(at);
  const known = OUTSIDE_CHANNELS.find((name) => name === channel);
  // The first look of a person is the one that counts; programs look as often as they like, and never take its place.
  const isFirstLook = kind === EventKind.DISPLAYED && judged.actor === "person";
  const name = kind === EventKind.CLICKED ? "clicked" : "displayed";
  return create(EventSchema, {
    eventId: `${interventionId}:${name}${isFirstLook ? "" : `:${randomUUID()}`}`,
    ...{ kind, interventionId, actionId, workspace: workspaceId, occurTime: time, receiveTime: time },
    ...(known === undefined ? {} : { channel: fromChannelName(known) }),
    ...{ actor: toActor(judged), actorEvidence: judged.evidence },
  });
}

const refusal = (): EdgeResponse => ({
  status: 400,
  headers: { ...NOT_KEPT, "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
  body: "This link is not one of ours, or it was changed on its way: it leads nowhere.\n",
});

/** Keeps hits until they are on disk, without anybody waiting. */
class HitKeeper {
  readonly #parts: LinkParts;
  #pending = 0;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  keep(event: Event): void {
    if (this.#pending >= PENDING_MAX) {
      this.#parts.metrics.linkHitsLost.inc();
      return;
    }
    this.#pending += 1;
    void this.#store(event).finally(() => {
      this.#pending -= 1;
    });
  }

  async drained(): Promise<void> {
    while (this.#pending > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Never rejects. */
  async #store(event: Event): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#parts.events.publish([event]);
        return;
      } catch (error) {
        if (tries < TRIES_MAX) await new Promise((resolve) => setTimeout(resolve, RETRY_MS * tries));
        else {
          this.#parts.metrics.linkHitsLost.inc();
          this.#parts.log.error({ event: "link_hit_lost", err: error }, "a hit on a link could not be stored");
          return;
        }
      }
    }
  }
}
