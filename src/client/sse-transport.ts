import type { ClientEvent } from "./frame.ts";
import type { Transport, TransportListener, TransportTarget } from "./transport.ts";

/** The part of the standard EventSource that is used. */
export interface EventSourceLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  close(): void;
}

export type EventSourceConstructor = new (url: string) => EventSourceLike;

export interface SseParts {
  readonly eventSource: EventSourceConstructor;
  readonly fetch: typeof fetch;
}

/** Server-sent events down and POST up, for networks that let no WebSocket through. EventSource has a
 *  reconnect of its own, but without jitter and with the old token for ever; so its first error ends
 *  this transport, and the session opens another one that says where to go on. */
export function openSse(parts: SseParts, target: TransportTarget, listener: TransportListener): Transport {
  const query = new URLSearchParams({ token: target.token });
  if (target.resume !== undefined) query.set("last_event_id", `${target.resume.epoch}:${target.resume.offset}`);
  const source = new parts.eventSource(`${target.url}/v1/events?${query}`);
  let isClosed = false;
  const close = () => {
    isClosed = true;
    source.close();
  };
  source.onopen = () => listener.opened();
  source.onmessage = ({ data }: { readonly data: unknown }) => {
    if (!isClosed && typeof data === "string") listener.received(data);
  };
  source.onerror = () => {
    if (isClosed) return;
    close();
    // EventSource does not say why; 1006 is WebSocket's word for the same.
    listener.ended(1006);
  };
  return {
    send: (frame) => {
      // Hello, pong and refreshToken have no counterpart here: the address said it all.
      if (!("track" in frame)) return;
      const { events } = frame.track;
      void postTrack(parts.fetch, target, events).then((answers) => {
        for (const answer of answers) {
          if (isClosed) return;
          if (answer.kind === "frame") listener.received(answer.frame);
          else {
            close();
            listener.ended(4001);
          }
        }
      });
    },
    close,
  };
}

type TrackAnswer = { readonly kind: "tokenRefused" } | { readonly kind: "frame"; readonly frame: string };

/** Never rejects: the answer is told as the frame a socket would have brought. */
async function postTrack(
  fetchIt: typeof fetch,
  target: TransportTarget,
  events: readonly ClientEvent[],
): Promise<TrackAnswer[]> {
  const refs = events.map(({ ref }) => ref);
  const fault = (reason: string, message: string): TrackAnswer[] => [
    { kind: "frame", frame: JSON.stringify({ fault: { reason, message, refs } }) },
  ];
  try {
    const response = await fetchIt(`${target.url}/v1/track`, trackRequest(target.token, events));
    if (response.ok) return [{ kind: "frame", frame: `{"tracked":${await response.text()}}` }];
    if (response.status === 401) return [{ kind: "tokenRefused" }];
    if (response.status === 400) {
      if (events.length === 1) return fault("BAD_EVENT", await response.text());
      // One bad event must not take the others with it: halve until it stands alone.
      const half = Math.ceil(events.length / 2);
      return [
        ...(await postTrack(fetchIt, target, events.slice(0, half))),
        ...(await postTrack(fetchIt, target, events.slice(half))),
      ];
    }
    return fault("UNAVAILABLE", `the engine answered ${response.status}`);
  } catch (error) {
    return fault("UNAVAILABLE", String(error));
  }
}

/** Also for the last words of a page that goes away: `keepalive` lets the browser send them after it. */
export function trackRequest(token: string, events: readonly ClientEvent[]): RequestInit {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ events }),
    keepalive: true,
  };
}
