import { create, toBinary } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import {
  type InterventionMessage,
  InterventionMessageSchema,
  RealtimeMessageSchema,
} from "../../gen/intervention/v1/bus_pb.js";
import type { SentProduct } from "../../gen/intervention/v1/catalog_pb.js";
import { type Decision, Outcome, Rule } from "../../gen/intervention/v1/decision_pb.js";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel, type Content, ContentSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { type InterventionFrame, InterventionFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import type { TemplateInput } from "../../gen/intervention/v1/template_input_pb.js";
import {
  type BatchPublisher,
  type EventPublisher,
  type OutgoingMessage,
  type PackedPublisher,
  type Rest,
  scheduleDecision,
  toDispatchItem,
  toKindName,
  toSubjectToken,
} from "../bus/index.ts";
import { toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { toVariantName } from "../domain/experiment/to-assignment.ts";
import { toTemplateFields } from "../domain/template/index.ts";
import {
  type ExposureDocument,
  findHappened,
  type InboxDocument,
  insertExposures,
  insertInboxItems,
  toDecisionInput,
  toExposure,
  toPosition,
} from "../store/index.ts";
import type { DecideOptions } from "./decide.ts";
import type { Standing } from "./decision-maker.ts";
import { toDelivery } from "./to-delivery.ts";
import { toStageMs } from "./to-stage-ms.ts";

type EffectOptions = DecideOptions & {
  readonly realtime: BatchPublisher;
  readonly dispatch: PackedPublisher;
  readonly decided: EventPublisher;
};

/** Does what decisions lead to. Everything here can be done again without harm, for a decision whose maker died in between:
 *  messages and events have ids of their own, and inbox items are there once. */
export class EffectRunner {
  readonly #options: EffectOptions;

  constructor(options: EffectOptions) {
    this.#options = options;
  }

  /** Returns when everything that reaches the user is on disk; the events that tell of it are the rest. */
  async run(standing: readonly Standing[]): Promise<Rest> {
    const { bus, decided, dispatch, realtime, store } = this.#options;
    const due = await this.#dropReached(standing);
    const sends = due.filter(({ document }) => document.outcome === "send");
    const toInbox = sends.filter(({ document }) => document.channel === "inbox");
    const isOutside = ({ decision }: Standing) => toOutsideChannel(decision.channel) !== undefined;
    const delays = due.filter(({ document }) => document.outcome === "delay");
    // Before anything can come of it.
    await insertExposures(store, standing.flatMap(toExposures));
    await insertInboxItems(store, toInbox.map(toInboxDocument));
    await Promise.all([
      realtime.publishAll(sends.filter((one) => !isOutside(one)).map((one) => this.#toMessage(one))),
      dispatch.publish(
        sends
          .filter(isOutside)
          .map(({ document, work }) => toDispatchItem(bus.subjects, toDelivery(work.message, document))),
      ),
      ...standing.flatMap(({ document, work }) =>
        document.fallbackAt === undefined
          ? []
          : scheduleDecision(
              bus,
              create(InterventionMessageSchema, {
                ...work.message,
                round: document.round + 1,
                fallback: (document.fallback ?? 0) + 1,
              }),
              document.fallbackAt,
            ),
      ),
      ...delays.map(({ document, work }) =>
        scheduleDecision(
          bus,
          create(InterventionMessageSchema, { ...work.message, round: document.round + 1 }),
          document.notBefore ?? document.decidedAt,
        ),
      ),
    ]);
    return { rest: decided.publish(due.flatMap(toEvents)) };
  }

  /** Of decisions made before, those whose delivery has gone on need nothing any more: pushed again, they would be shown twice
   *  to a page that is new. */
  async #dropReached(standing: readonly Standing[]): Promise<readonly Standing[]> {
    // What has become of another channel says nothing about a fallback's.
    const isKept = ({ isNew, work }: Standing) => isNew || work.message.fallback > 0;
    const old = standing.filter((one) => !isKept(one)).map(({ document }) => document.interventionId);
    if (old.length === 0) return standing;
    const reached = await findHappened(this.#options.store, old, ["delivered", "expired", "cancelled"]);
    return standing.filter((one) => isKept(one) || !reached.has(one.document.interventionId));
  }

  #toMessage({ document, work, template }: Standing): OutgoingMessage {
    // Those that the decision was made on: what is shown is what `Explain` tells.
    const hasProducts = (work.message.content?.productIds.length ?? 0) > 0;
    const products = hasProducts ? toDecisionInput(document)?.products?.available : undefined;
    const { subjects } = this.#options.bus;
    const { interventionId, workspaceId, userId } = document;
    const message =
      document.channel === "realtime"
        ? create(RealtimeMessageSchema, {
            message: { case: "intervention", value: toInterventionFrame(work.message, { products, template }) },
          })
        : create(RealtimeMessageSchema, { message: { case: "inboxChanged", value: { interventionId } } });
    return {
      subject: subjects.realtime(workspaceId, toSubjectToken(userId)),
      data: toBinary(RealtimeMessageSchema, message),
      messageId: `${interventionId}:${document.channel}`,
      ...(work.traceparent?.endsWith("-01") === true ? { headers: { traceparent: work.traceparent } } : {}),
    };
  }
}

/** What a device shows of an intervention. */
function toInterventionFrame(
  message: InterventionMessage,
  {
    products = [],
    template,
  }: { readonly products?: SentProduct[] | undefined; readonly template?: TemplateInput | undefined },
): InterventionFrame {
  const content = toContent(message, template);
  return create(InterventionFrameSchema, {
    interventionId: message.interventionId,
    campaign: message.campaign,
    products,
    ...(content === undefined ? {} : { content }),
    ...(message.acceptTime === undefined ? {} : { acceptTime: message.acceptTime }),
    ...(message.expireTime === undefined ? {} : { expireTime: message.expireTime }),
  });
}

/** What was rendered, about the same products; or what was given. */
function toContent({ content }: InterventionMessage, template: TemplateInput | undefined): Content | undefined {
  const rendered = template?.content;
  if (rendered === undefined || content === undefined) return rendered ?? content;
  const { productIds, gonePolicy } = content;
  return create(ContentSchema, { ...rendered, productIds, gonePolicy });
}

/** An inbox item made of an intervention.
 *  @param template what its decision was made on, where a template says it. */
export function toInboxItem(message: InterventionMessage, at: Date, template?: TemplateInput): InboxDocument {
  return {
    _id: message.interventionId,
    workspaceId: message.workspace,
    userId: message.recipient?.userId ?? "",
    position: toPosition(at, message.interventionId),
    state: "unread",
    createdAt: at,
    frame: new Binary(toBinary(InterventionFrameSchema, toInterventionFrame(message, { template }))),
    ...(message.expireTime === undefined ? {} : { expireAt: timestampDate(message.expireTime) }),
  };
}

/** The users whom a decision has brought into experiments; who was in one before still has what he had. */
function toExposures({ document, work, decision }: Standing): ExposureDocument[] {
  if (document.round > 0) return [];
  const { workspaceId, decidedAt: at } = document;
  return decision.assignments.flatMap(({ experiment, variant, stratum }, index) => {
    const input = work.message.experiments[index];
    if (variant === "" || input === undefined || input.earlierVariant !== "") return [];
    return toExposure({ workspaceId, userId: input.userId, experimentId: experiment, variant, at, stratum });
  });
}

const toInboxDocument = ({ document, work, template }: Standing) =>
  toInboxItem(work.message, document.decidedAt, template);

/** The events a decision stands for. Accepting is told here too: what is decided was accepted, at the time it says. */
function toEvents({ document, work, decision, template }: Standing): Event[] {
  const { message, traceparent } = work;
  const channel = decision.channel;
  const at = document.decidedAt;
  const variant = toVariantName(message.experiments);
  const event = (kind: EventKind, occurredAt: Date, more: { reason?: string; id?: string; rule?: string } = {}) =>
    create(EventSchema, {
      eventId: `${message.interventionId}:${toKindName(kind)}${more.id ?? ""}`,
      kind,
      workspace: message.workspace,
      interventionId: message.interventionId,
      userId: message.recipient?.userId ?? "",
      campaign: message.campaign,
      channel,
      occurTime: timestampFromDate(occurredAt),
      receiveTime: timestampFromDate(at),
      reason: more.reason ?? "",
      rule: more.rule ?? "",
      segments: [...(document.segments ?? [])],
      stageMs: kind === EventKind.DECIDED && document.round === 0 ? toStageMs(message.acceptTime, at) : 0n,
      traceParent: traceparent?.endsWith("-01") === true ? traceparent : "",
      ...(template === undefined ? {} : toTemplateFields(template)),
      variant,
    });
  const events: Event[] = [];
  if (document.round === 0)
    events.push(event(EventKind.ACCEPTED, message.acceptTime === undefined ? at : timestampDate(message.acceptTime)));
  if (decision.outcome === Outcome.CANCEL) return events;
  // A delay and what follows it are both decisions; the first round has the plain id.
  events.push(
    event(EventKind.DECIDED, at, {
      reason: document.outcome,
      rule: findStopper(decision),
      ...(document.round === 0 ? {} : { id: `:${document.round}` }),
    }),
  );
  if (channel === Channel.REALTIME) events.push(event(EventKind.SENT, at));
  if (channel === Channel.INBOX) events.push(event(EventKind.INBOXED, at));
  // Too late for a fallback is not too late for what was sent before.
  if (decision.outcome === Outcome.EXPIRE && message.fallback === 0) events.push(event(EventKind.EXPIRED, at));
  return events;
}

/** The rule that said no, by its name in lower case. */
function findStopper({ outcome, verdicts }: Decision): string {
  const last = verdicts.at(-1);
  return outcome === Outcome.SUPPRESS && last !== undefined ? Rule[last.rule].toLowerCase() : "";
}
