import type { Logger } from "pino";
import { readSesReport } from "../channels/callback/ses-reports.ts";
import type { SnsClient } from "../channels/callback/sns-client.ts";
import { checkSnsMessage, parseSnsMessage, verifySnsMessage } from "../channels/callback/sns-message.ts";
import type { Metrics } from "../observe/index.ts";
import type { ReportKeeper } from "./keep-reports.ts";
import type { CallbackRoute } from "./serve-callbacks.ts";

/** SNS sends up to 256 KiB, in which every quote of what SES says is escaped. */
const BODY_BYTES_MAX = 600_000;

/** What Amazon SES tells by SNS: verified by its certificate, and by one of the account's topics only. */
export function sesRoute(options: {
  readonly keeper: Pick<ReportKeeper, "take">;
  readonly sns: Pick<SnsClient, "confirm" | "getKey">;
  readonly metrics: Pick<Metrics, "reports">;
  readonly log: Logger;
  readonly now: () => Date;
}): CallbackRoute {
  const { keeper, sns, metrics, log, now } = options;
  return {
    ...{ provider: "ses", path: "", bodyBytesMax: BODY_BYTES_MAX },
    async take({ workspace, account, request }) {
      const message = parseSnsMessage(request.body);
      checkSnsMessage(message, { topics: account.snsTopics ?? [], now: now() });
      verifySnsMessage(message, await sns.getKey(message.SigningCertURL));
      const known = { accountId: account._id, topic: message.TopicArn };
      switch (message.Type) {
        case "SubscriptionConfirmation":
          await sns.confirm(message.SubscribeURL);
          log.info({ event: "sns_subscribed", ...known }, "a topic of SNS reports to an account");
          return;
        case "UnsubscribeConfirmation":
          log.warn({ event: "sns_unsubscribed", ...known }, "a topic of SNS reports to an account no more");
          return;
        case "Notification": {
          const report = readSesReport(message.Message, { id: message.MessageId, now: now() });
          metrics.reports.inc({ provider: "ses", kind: report?.kind ?? "ignored" });
          if (report !== undefined) await keeper.take(workspace, account, [report]);
        }
      }
    },
  };
}
