import type { ClientEvent } from "./frame.ts";
import { type JsonObject, parseJson, toObject, toText, toTexts } from "./json.ts";

export interface PostTrackAnswer {
  readonly isTokenRefused: boolean;
  /** The frames in JSON that a socket would have brought. */
  readonly frames: readonly string[];
}

/** Reports events by HTTP, where there is no socket. Never rejects: every event is answered for.
 *  The engine answers `{"refs":[…],"faults":[{"reason","message","refs"}]}`, or an error status with one fault. */
export async function postTrack(
  fetchIt: typeof fetch,
  target: { readonly url: string; readonly token: string },
  events: readonly ClientEvent[],
): Promise<PostTrackAnswer> {
  try {
    const response = await fetchIt(`${target.url}/v1/track`, trackRequest(target.token, events));
    if (response.status === 401) return { isTokenRefused: true, frames: [] };
    const body = toObject(parseJson(await response.text())) ?? {};
    if (response.ok) return answer(toTexts(body.refs), Array.isArray(body.faults) ? body.faults : []);
    const refs = toTexts(body.refs);
    if (response.status === 400 && refs.length === 0 && events.length > 1) return postHalves(fetchIt, target, events);
    const reason = response.status === 400 ? "BAD_EVENT" : response.status === 429 ? "RATE_LIMITED" : "UNAVAILABLE";
    const message = toText(body.message) || `the engine answered ${response.status}`;
    return answer([], [{ reason, message, refs: refs.length > 0 ? refs : refsOf(events) }]);
  } catch (error) {
    return answer([], [{ reason: "UNAVAILABLE", message: String(error), refs: refsOf(events) }]);
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

/** One event that cannot even be read must not take the others with it: halve until it stands alone. */
async function postHalves(
  fetchIt: typeof fetch,
  target: { readonly url: string; readonly token: string },
  events: readonly ClientEvent[],
): Promise<PostTrackAnswer> {
  const half = Math.ceil(events.length / 2);
  const first = await postTrack(fetchIt, target, events.slice(0, half));
  const second = await postTrack(fetchIt, target, events.slice(half));
  return {
    isTokenRefused: first.isTokenRefused || second.isTokenRefused,
    frames: [...first.frames, ...second.frames],
  };
}

function answer(refs: readonly string[], faults: readonly unknown[]): PostTrackAnswer {
  const frames: JsonObject[] = refs.length > 0 ? [{ tracked: { refs } }] : [];
  frames.push(...faults.map((fault) => ({ fault })));
  return { isTokenRefused: false, frames: frames.map((frame) => JSON.stringify(frame)) };
}

function refsOf(events: readonly ClientEvent[]): string[] {
  return events.map(({ ref }) => ref);
}
