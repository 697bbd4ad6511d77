import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import { type ProviderReport, ProviderReportSchema } from "../../gen/intervention/v1/provider_report_pb.js";
import { Unavailable } from "../domain/errors.ts";
import type { Bus } from "./connect-bus.ts";
import { bury, toLetterNumber } from "./dead-letters.ts";

/** What has fired is read at once; a week is for a reader that was down. */
const FIRED_TTL = "168h";

/** Has the broker bring a report back at a time; one that waits already is the same one.
 *  @throws Unavailable when it may not be on disk; doing it again is safe. */
export async function parkReport(bus: Bus, report: ProviderReport, at: Date): Promise<void> {
  const id = toReportId(report);
  try {
    await bus.js.publish(bus.subjects.report(report.workspace, id), toBinary(ProviderReportSchema, report), {
      schedule: { specification: { at }, target: bus.subjects.reported(report.workspace, id), ttl: FIRED_TTL },
    });
  } catch (error) {
    throw new Unavailable("bus", { cause: error });
  }
}

/** Puts a report of a message that nobody knows to the dead letters; replayed, the message is looked for again as often. */
export async function buryReport(bus: Bus, report: ProviderReport, error: string): Promise<void> {
  const id = toReportId(report);
  await bury(bus, {
    ...{ stream: "DELAYED", subject: bus.subjects.reported(report.workspace, id), headers: undefined },
    sequence: toLetterNumber(id),
    data: toBinary(ProviderReportSchema, create(ProviderReportSchema, { ...report, tries: 0 })),
    ...{ reason: "failed", error, attempts: report.tries },
  });
}

/** The same for the same report, however often it comes. */
const toReportId = ({ accountId, providerMessageId, kind, suffix }: ProviderReport): string =>
  createHash("sha256")
    .update(JSON.stringify([accountId, providerMessageId, EventKind[kind], suffix]))
    .digest("hex")
    .slice(0, 32);
