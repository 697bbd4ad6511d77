import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { type ProviderReport, ProviderReportSchema } from "../../gen/intervention/v1/provider_report_pb.js";
import { type Bus, buryReport, type EventPublisher, parkReport, toKindName } from "../bus/index.ts";
import type { Report } from "../channels/callback/report.ts";
import { fromChannelName } from "../domain/delivery/channel-names.ts";
import { REPORT_SUFFIXES, type ReportKind } from "../domain/delivery/report.ts";
import { toActor } from "../domain/tracking/to-actor.ts";
import type { Workspace } from "../integrations/caller.ts";
import type { Metrics } from "../observe/index.ts";
import {
  type AttemptDocument,
  findSentAs,
  type ProviderAccountDocument,
  type Store,
  toSentAs,
} from "../store/index.ts";
import { suppressReported } from "./suppress-reported.ts";

/** What keeping reports works with. */
export type ReportKeeperOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly events: Pick<EventPublisher, "publish">;
  readonly metrics: Pick<Metrics, "reportsParked">;
  readonly now: () => Date;
};

/** A message's report can be faster than the record of its sending, and a worker that dies in between never makes one: the message is
 *  looked for again after these times, and then its report goes to the dead letters. */
const LOOKS_AFTER_MS = [5_000, 30_000, 120_000, 600_000] as const;

const KINDS: Readonly<Record<ReportKind, EventKind>> = {
  delivered: EventKind.DELIVERED,
  bounced: EventKind.BOUNCED,
  soft_bounced: EventKind.BOUNCED,
  rejected: EventKind.FAILED,
  complained: EventKind.COMPLAINED,
  displayed: EventKind.DISPLAYED,
  clicked: EventKind.CLICKED,
};

/** Keeps what providers tell of messages: first what it means for addresses, then the event on TRACKING, or, of a message that nobody
 *  knows yet, the report itself, to be looked at again. All of it can be done again without harm, in any order. */
export class ReportKeeper {
  readonly #options: ReportKeeperOptions;

  constructor(options: ReportKeeperOptions) {
    this.#options = options;
  }

  /** Resolves when all of it is on disk.
   *  @throws Unavailable when some may not be; the provider sends it again. */
  async take(workspace: Workspace, account: ProviderAccountDocument, reports: readonly Report[]): Promise<void> {
    const { store, now } = this.#options;
    await suppressReported(store, { workspace, account, reports, now: now() });
    await this.keep(reports.map((report) => toProviderReport(report, account, now())));
  }

  /** The same of reports that say nothing of an address, or whose word on that is kept. */
  async keep(reports: readonly ProviderReport[]): Promise<void> {
    const { store, events } = this.#options;
    const nameOf = ({ accountId, providerMessageId }: ProviderReport) => toSentAs(accountId, providerMessageId);
    const sent = await findSentAs(store, reports.map(nameOf));
    const known: Event[] = [];
    const unknown: ProviderReport[] = [];
    for (const report of reports) {
      const attempt = sent.get(nameOf(report));
      if (attempt?.workspaceId === report.workspace) known.push(toEvent(report, attempt));
      else unknown.push(report);
    }
    await events.publish(known);
    for (const report of unknown) await this.#park(report);
  }

  async #park(report: ProviderReport): Promise<void> {
    const { bus, metrics, now } = this.#options;
    const afterMs = LOOKS_AFTER_MS[report.tries];
    if (afterMs === undefined) await buryReport(bus, report, "nothing was sent by this name");
    else {
      const again = create(ProviderReportSchema, { ...report, tries: report.tries + 1 });
      await parkReport(bus, again, new Date(now().getTime() + afterMs));
    }
    metrics.reportsParked.inc({ into: afterMs === undefined ? "dead_letters" : "later" });
  }
}

function toProviderReport(report: Report, { _id, workspaceId }: ProviderAccountDocument, now: Date): ProviderReport {
  const { kind, id, at, reason, judged, providerMessageId } = report;
  // The first look of a person counts; whatever else can happen again has a name of its own.
  const isAgain =
    kind === "clicked" || (kind === "displayed" && judged?.actor !== undefined && judged.actor !== "person");
  return create(ProviderReportSchema, {
    ...{ workspace: workspaceId, accountId: _id, providerMessageId, reason, kind: KINDS[kind] },
    suffix: isAgain ? id : (REPORT_SUFFIXES[kind] ?? ""),
    occurTime: timestampFromDate(at),
    receiveTime: timestampFromDate(now),
    ...(judged === undefined ? {} : { actor: toActor(judged), actorEvidence: judged.evidence }),
  });
}

function toEvent(report: ProviderReport, attempt: AttemptDocument): Event {
  const { kind, suffix, occurTime, receiveTime, reason, actor, actorEvidence } = report;
  const { workspaceId, interventionId, userId, channel, isFallback = false } = attempt;
  const times: { occurTime?: Timestamp; receiveTime?: Timestamp } = {
    ...(occurTime === undefined ? {} : { occurTime }),
    ...(receiveTime === undefined ? {} : { receiveTime }),
  };
  return create(EventSchema, {
    // Named as the delivery's own events are: an intervention is sent once a channel.
    eventId: [
      interventionId,
      toKindName(kind),
      ...(isFallback ? [channel] : []),
      ...(suffix === "" ? [] : [suffix]),
    ].join(":"),
    ...{ kind, workspace: workspaceId, interventionId, userId, channel: fromChannelName(channel) },
    ...{ ...times, reason, actor, actorEvidence },
  });
}
