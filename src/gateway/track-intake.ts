import type { Logger } from "pino";
import type { ClientEvent } from "../../gen/intervention/v1/realtime_pb.js";
import type { EventPublisher } from "../bus/index.ts";
import type { UserCaller } from "../integrations/access-directory.ts";
import { EVENTS_PER_FRAME_MAX, toTrackOutcome } from "./track-events.ts";

/** What became of reported events. `tracked` are on disk. */
export type TrackAnswer = {
  readonly tracked: readonly string[];
  readonly faults: readonly {
    readonly reason: "BAD_EVENT" | "UNAVAILABLE" | "RATE_LIMITED";
    readonly message: string;
    readonly refs: readonly string[];
  }[];
};

type Publisher = Pick<EventPublisher, "publish">;

/** Events that may wait for the disk here, over all clients; beyond it clients are asked to send again. */
const PENDING_MAX = 20_000;

/** Puts what devices report on TRACKING. */
export class TrackIntake {
  readonly #events: Publisher;
  readonly #log: Logger;
  readonly #now: () => Date;
  #pending = 0;

  constructor(options: { readonly events: Publisher; readonly log: Logger; readonly now: () => Date }) {
    this.#events = options.events;
    this.#log = options.log;
    this.#now = options.now;
  }

  /** Resolves when what could be taken is on disk; never rejects. */
  async take(reported: readonly ClientEvent[], user: UserCaller): Promise<TrackAnswer> {
    if (reported.length === 0 || reported.length > EVENTS_PER_FRAME_MAX)
      return {
        tracked: [],
        faults: [
          {
            reason: "BAD_EVENT",
            message: `events: 1 to ${EVENTS_PER_FRAME_MAX}, and ${reported.length} came`,
            refs: reported.map(({ ref }) => ref.slice(0, 64)),
          },
        ],
      };
    const { events, refs, refusedRefs, refusal } = toTrackOutcome(
      reported,
      { workspaceId: user.workspace.id, userId: user.userId },
      this.#now(),
    );
    const faults: TrackAnswer["faults"][number][] =
      refusal === undefined ? [] : [{ reason: "BAD_EVENT", message: refusal, refs: refusedRefs }];
    if (events.length === 0) return { tracked: [], faults };
    if (this.#pending + events.length > PENDING_MAX)
      return {
        tracked: [],
        faults: [...faults, { reason: "RATE_LIMITED", message: "too many events wait to be stored", refs }],
      };
    this.#pending += events.length;
    try {
      await this.#events.publish(events);
      return { tracked: refs, faults };
    } catch (error) {
      this.#log.warn(
        { event: "events_not_stored", events: events.length, err: error },
        "tracking events can't be stored at the moment: the client sends them again",
      );
      return {
        tracked: [],
        faults: [...faults, { reason: "UNAVAILABLE", message: "the events may not be stored: send them again", refs }],
      };
    } finally {
      this.#pending -= events.length;
    }
  }
}
