import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Actor, type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { toKindName } from "../bus/index.ts";
import { toChannelName, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { toProgress } from "../domain/delivery/report.ts";
import { toAssignedName } from "../domain/experiment/to-assignment.ts";
import { judgeByTime } from "../domain/tracking/classify-actor.ts";
import { LruCache } from "../integrations/lru-cache.ts";
import { type DecisionDocument, findLatestRounds, type Store, toDecision } from "../store/index.ts";

/** What the engine's own events of an intervention are counted by; what others report of it is counted by the same. */
type Dimensions = Pick<Event, "campaign" | "channel" | "variant" | "template" | "locale" | "segments" | "userId"> & {
  /** When it was sent, ms since 1970; undefined where that is not known. */
  readonly sentMs: number | undefined;
};

/** What others report: devices, pages, providers. */
const REPORTED: ReadonlySet<EventKind> = new Set([
  ...[EventKind.DELIVERED, EventKind.DISPLAYED, EventKind.CLICKED, EventKind.DISMISSED],
  ...[EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED],
]);
const REMEMBERED_MAX = 100_000;

/** Gives what others report of an intervention its campaign, variant and so on: from what passed by here before, or the decision. */
export class Touchpoints {
  readonly #store: Store;
  readonly #known = new LruCache<Dimensions>(REMEMBERED_MAX);

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns `known`, each with what it is counted by, and `unknown`: reports of what was never decided, or of somebody else's. */
  async complete(
    events: readonly Event[],
  ): Promise<{ readonly known: readonly Event[]; readonly unknown: readonly Event[] }> {
    for (const event of events) this.#remember(event);
    await this.#load(events.filter((event) => isReported(event) && this.#find(event) === undefined));
    const known: Event[] = [];
    const unknown: Event[] = [];
    for (const event of events) {
      if (!isReported(event)) known.push(event);
      else {
        const dimensions = this.#find(event);
        const isTheirs = dimensions !== undefined && (event.userId === "" || event.userId === dimensions.userId);
        if (isTheirs) known.push(toCompleted(event, dimensions));
        else unknown.push(event);
      }
    }
    return { known, unknown };
  }

  #find(event: Event): Dimensions | undefined {
    return this.#known.get(keyOf(event));
  }

  #remember(event: Event): void {
    if (event.kind !== EventKind.SENT && event.kind !== EventKind.INBOXED) return;
    const { campaign, channel, variant, template, locale, segments, userId, occurTime } = event;
    const sentMs = occurTime === undefined ? undefined : timestampMs(occurTime);
    this.#known.set(keyOf(event), { campaign, channel, variant, template, locale, segments, userId, sentMs });
  }

  async #load(events: readonly Event[]): Promise<void> {
    for (const [workspaceId, some] of Map.groupBy(events, ({ workspace }) => workspace)) {
      const ids = [...new Set(some.map(({ interventionId }) => interventionId))];
      for (const [id, document] of await findLatestRounds(this.#store, workspaceId, ids))
        this.#known.set(`${workspaceId}/${id}`, toDimensions(document));
    }
  }
}

const isReported = ({ kind, eventId }: Event) =>
  REPORTED.has(kind) || toProgress({ _id: eventId, kind: toKindName(kind) }) === "rejected";

const keyOf = ({ workspace, interventionId }: Event) => `${workspace}/${interventionId}`;

function toDimensions(document: DecisionDocument): Dimensions {
  const { channel, assignments } = toDecision(document);
  const { campaign, userId, decidedAt, segments = [] } = document;
  const variant = toAssignedName(assignments);
  return {
    ...{ campaign, channel, userId, variant, template: "", locale: "", segments: [...segments] },
    // What a provider carries is sent later than it is decided.
    sentMs: channel === Channel.REALTIME || channel === Channel.INBOX ? decidedAt.getTime() : undefined,
  };
}

function toCompleted(event: Event, { sentMs, channel, ...dimensions }: Dimensions): Event {
  const at = event.occurTime === undefined ? undefined : timestampMs(event.occurTime);
  const isStage = event.kind === EventKind.DELIVERED || event.kind === EventKind.DISPLAYED;
  const stageMs = isStage && at !== undefined && sentMs !== undefined ? Math.max(1, Math.round(at - sentMs)) : 0;
  return create(EventSchema, {
    ...event,
    ...dimensions,
    // What waits in the inbox is shown over a socket too; what a provider carried is known by what it was reported of, since a chain
    // of fallbacks may have gone on to another.
    channel:
      toChannelName(channel) === undefined || toOutsideChannel(event.channel) !== undefined ? event.channel : channel,
    stageMs: BigInt(stageMs),
    ...toActor(event, at !== undefined && sentMs !== undefined ? at - sentMs : undefined),
  });
}

/** Of hits on links and pictures, which others judged by what was in them. */
function toActor({ actor, actorEvidence, eventId }: Event, sinceSentMs: number | undefined): Partial<Event> {
  if (actor !== Actor.PERSON) return {};
  const judged = judgeByTime({ actor: "person", evidence: actorEvidence }, sinceSentMs);
  if (judged.actor === "person") return {};
  // It must not take the place of a person's first look.
  return { actor: Actor.SCANNER, actorEvidence: judged.evidence, eventId: `${eventId}:early` };
}
