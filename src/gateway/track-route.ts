import { findBearer } from "./credentials.ts";
import type { EdgeResponse, EdgeServer } from "./edge-server.ts";
import type { IdentifyUser } from "./identify-user.ts";
import { parseTrackBody } from "./incoming-frame.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { TrackIntake } from "./track-intake.ts";

/** One user's posts, over all his devices. */
const LIMITS = { burst: 40, perSecond: 20 };
/** Users remembered; the one who came first is forgotten first, which gives him a full bucket again. */
const BUCKETS_MAX = 10_000;

/** Serves `POST /v1/track`, for clients on an event stream and for the last words of a page (`fetch` with `keepalive`):
 *  a Track as JSON, answered like a socket's track frame with what is on disk. */
export function serveTrack(options: {
  readonly edge: EdgeServer;
  readonly tracks: TrackIntake;
  readonly identify: IdentifyUser;
}): void {
  const buckets = new Map<string, TokenBucket>();
  options.edge.route("post", "/v1/track", async ({ path, headers, query, body }) => {
    const header = (name: string) => headers.get(name) ?? "";
    const token = findBearer(header("authorization")) ?? query.get("token") ?? "";
    const user = options.identify({ token, path, header });
    if (user === undefined)
      return answer(401, { reason: "TOKEN_REFUSED", message: "the token is missing, has ended or is not one of ours" });
    if (!takeTurn(buckets, `${user.workspace.id}/${user.userId}`))
      return answer(
        429,
        { reason: "RATE_LIMITED", message: `more than ${LIMITS.perSecond} requests a second` },
        { "retry-after": "1" },
      );
    const track = parseTrackBody(body);
    if (track === undefined)
      return answer(400, {
        reason: "BAD_FRAME",
        message:
          'a Track in JSON is expected: {"events":[{"ref":"1","kind":"EVENT_KIND_DISPLAYED","interventionId":"…"}]}',
      });
    const { tracked, faults } = await options.tracks.take(track.events, user);
    // A Tracked, and beside it what was not taken, so that a client need not guess about the refs that are missing.
    if (tracked.length > 0 || faults.length === 0)
      return {
        status: 200,
        headers: JSON_TYPE,
        body: JSON.stringify({ refs: tracked, ...(faults.length === 0 ? {} : { faults }) }),
      };
    const [worst] = faults.toSorted((a, b) => STATUS_OF[b.reason] - STATUS_OF[a.reason]);
    return worst === undefined
      ? { status: 200 }
      : answer(STATUS_OF[worst.reason], worst, worst.reason === "BAD_EVENT" ? {} : { "retry-after": "1" });
  });
}

const JSON_TYPE = { "content-type": "application/json" };
const STATUS_OF = { BAD_EVENT: 400, RATE_LIMITED: 429, UNAVAILABLE: 503 } as const;

function answer(
  status: number,
  fault: { readonly reason: string; readonly message: string; readonly refs?: readonly string[] },
  headers: Readonly<Record<string, string>> = {},
): EdgeResponse {
  return {
    status,
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ reason: fault.reason, message: fault.message, refs: fault.refs ?? [] }),
  };
}

function takeTurn(buckets: Map<string, TokenBucket>, key: string): boolean {
  const nowMs = performance.now();
  let bucket = buckets.get(key);
  if (bucket === undefined) {
    const [oldest] = buckets.keys();
    if (buckets.size >= BUCKETS_MAX && oldest !== undefined) buckets.delete(oldest);
    bucket = new TokenBucket(LIMITS, nowMs);
    buckets.set(key, bucket);
  }
  return bucket.take(LIMITS, nowMs);
}
