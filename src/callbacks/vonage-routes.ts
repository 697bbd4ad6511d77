import { CallbackRefused } from "../channels/callback/report.ts";
import { readVonageInbound, readVonageStatus } from "../channels/callback/vonage-reports.ts";
import { verifyVonageCall } from "../channels/callback/vonage-token.ts";
import type { CredentialBox } from "../channels/credential-box.ts";
import { vonageCallbackCredential } from "../channels/sms/vonage.ts";
import { findWish } from "../domain/delivery/stop-words.ts";
import type { Metrics } from "../observe/index.ts";
import { followWish, type ProviderAccountDocument, type Store, toAddressHash } from "../store/index.ts";
import type { ReportKeeper } from "./keep-reports.ts";
import type { Callback, CallbackRoute } from "./serve-callbacks.ts";

/** An SMS has up to some thousand characters. */
const BODY_BYTES_MAX = 65_536;

/** What Vonage tells of messages (`/status`), and what people write to the account's numbers (`/inbound`): verified by the account's
 *  signature secret. */
export function vonageRoutes(options: {
  readonly keeper: Pick<ReportKeeper, "take">;
  readonly store: Store;
  readonly box: Pick<CredentialBox, "open">;
  readonly metrics: Pick<Metrics, "reports">;
  readonly now: () => Date;
}): readonly CallbackRoute[] {
  const { keeper, store, box, metrics, now } = options;
  const verify = async ({ account, request: { headers, body } }: Callback) => {
    const said = { authorization: headers.get("authorization") ?? "", body };
    await verifyVonageCall(said, { ...openSigning(box, account), now: now() });
  };
  const count = (kind: string) => metrics.reports.inc({ provider: "vonage", kind });
  const common = { provider: "vonage", bodyBytesMax: BODY_BYTES_MAX } as const;
  return [
    {
      ...common,
      path: "/status",
      async take(callback) {
        await verify(callback);
        const report = readVonageStatus(callback.request.body);
        count(report?.kind ?? "ignored");
        if (report !== undefined) await keeper.take(callback.workspace, callback.account, [report]);
      },
    },
    {
      ...common,
      path: "/inbound",
      async take(callback) {
        await verify(callback);
        const written = readVonageInbound(callback.request.body);
        const wish = written === undefined ? undefined : findWish(written.text);
        count(wish ?? "ignored");
        if (written === undefined || wish === undefined) return;
        const { workspace, account } = callback;
        const { channel, provider } = account;
        const hash = toAddressHash(workspace, { channel, address: written.from });
        await followWish(store, {
          workspaceId: workspace.id,
          ...{ channel, hash, wish, at: written.at, source: provider },
        });
      },
    },
  ];
}

/** @throws CallbackRefused where the account has not said by what Vonage signs. */
function openSigning(box: Pick<CredentialBox, "open">, { _id, credential }: ProviderAccountDocument) {
  const opened =
    credential === undefined ? {} : box.open({ keyId: credential.keyId, sealed: credential.sealed.value() }, _id);
  const { success, data } = vonageCallbackCredential.safeParse(opened);
  if (success) return data;
  throw new CallbackRefused("forged", "the account has no apiKey and signatureSecret to verify calls by");
}
