import { createEventStreamReader } from "./event-stream.ts";
import { postTrack } from "./post-track.ts";
import type { Transport, TransportListener, TransportTarget } from "./transport.ts";

/** Server-sent events down and POST up, for networks that let no WebSocket through. Read by fetch and
 *  not by EventSource, which hides the status and the heartbeat, reconnects without jitter and with the
 *  old token for ever, and could only carry the token in the address, where logs keep it. */
export function openSse(fetchIt: typeof fetch, target: TransportTarget, listener: TransportListener): Transport {
  const abort = new AbortController();
  const { signal } = abort;
  const close = () => abort.abort();
  const end = (code: number) => {
    if (signal.aborted) return;
    close();
    listener.ended(code);
  };
  void readEvents(fetchIt, target, listener, signal).then(end);
  return {
    send: (frame) => {
      // Hello, pong and refreshToken have no counterpart here: the request said it all.
      if (!("track" in frame)) return;
      void postTrack(fetchIt, target, frame.track.events).then((answer) => {
        if (answer.isTokenRefused) end(4001);
        for (const text of answer.frames) if (!signal.aborted) listener.received(text);
      });
    },
    close,
  };
}

/** Never rejects.
 *  @returns the WebSocket close code that says the same as the stream's end. */
async function readEvents(
  fetchIt: typeof fetch,
  { url, token, resume }: TransportTarget,
  listener: TransportListener,
  signal: AbortSignal,
): Promise<number> {
  try {
    const response = await fetchIt(`${url}/v1/events`, {
      headers: {
        Accept: "text/event-stream",
        Authorization: `Bearer ${token}`,
        ...(resume && { "Last-Event-ID": `${resume.epoch}:${resume.offset}` }),
      },
      cache: "no-store",
      signal,
    });
    if (!response.ok || response.body === null) return codeOf[response.status] ?? lostCode;
    listener.opened();
    const feed = createEventStreamReader({
      message: (data) => {
        // A listener may close the client between two events of one piece.
        if (!signal.aborted) listener.received(data);
      },
      comment: () => listener.heard(),
    });
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      feed(decoder.decode(piece.value, { stream: true }));
    }
    return lostCode;
  } catch {
    // A network that failed, or our own abort; the session knows what to do about either.
    return lostCode;
  }
}

const lostCode = 1006;
const codeOf: { readonly [status: number]: number } = { 401: 4001, 403: 4003, 429: 4009, 503: 1012 };
