import { fromBinary } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { type ProviderReport, ProviderReportSchema } from "../../gen/intervention/v1/provider_report_pb.js";
import { type Bus, Worker } from "../bus/index.ts";
import { InvalidInput } from "../domain/errors.ts";
import type { ReportKeeper } from "./keep-reports.ts";

const BATCH_MAX = 100;

/** Looks again at reports whose messages were not known when they came. */
export function startReports(options: {
  readonly keeper: Pick<ReportKeeper, "keep">;
  readonly bus: Bus;
  readonly log: Logger;
}): Promise<AsyncDisposable> {
  const { keeper, bus, log } = options;
  return Worker.start({
    ...{ bus, log, stream: "DELAYED", name: "reports", filterSubject: bus.subjects.all.reported, batchMax: BATCH_MAX },
    parse: ({ data }) => parse(data),
    handle: (batch) => keeper.keep(batch),
  });
}

/** @throws InvalidInput */
function parse(data: Uint8Array): ProviderReport {
  let report: ProviderReport;
  try {
    report = fromBinary(ProviderReportSchema, data);
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `not a ProviderReport: ${String(error)}` }]);
  }
  if (report.workspace === "" || report.accountId === "" || report.providerMessageId === "" || report.tries < 0)
    throw new InvalidInput([{ field: "message", description: "a ProviderReport that names no message" }]);
  return report;
}
