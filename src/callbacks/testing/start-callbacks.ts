import { create, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { DecisionSchema } from "../../../gen/intervention/v1/decision_pb.js";
import { SnsClient } from "../../channels/callback/sns-client.ts";
import { FakeSns, TOPIC } from "../../channels/testing/sns.ts";
import { fromChannelName } from "../../domain/delivery/channel-names.ts";
import { toProgress } from "../../domain/delivery/report.ts";
import { toState } from "../../domain/intervention-state.ts";
import {
  findSuppressions,
  insertProviderAccount,
  listEvents,
  listRounds,
  type ProviderAccountDocument,
  toSentAs,
  toStandingRound,
} from "../../store/index.ts";
import { startParts } from "../../testing/parts.ts";
import { takeSnapshot } from "../../testing/take-snapshot.ts";
import { until } from "../../testing/until.ts";

const SEALED_WITH = `k:${Buffer.alloc(32, 7).toString("base64")}`;
let made = 0;

/** An engine's edge and what stands behind it, with an account with a provider, and an SNS whose certificate is the test's own. */
export async function startCallbacks(
  { channel, provider }: { readonly channel: "email" | "sms"; readonly provider: string },
  credential: JsonObject = {},
) {
  const parts = await startParts({ CREDENTIAL_KEYS: SEALED_WITH });
  const { container, services, store, bus, workspace: workspaceId } = parts;
  const sns = new FakeSns();
  container.replace(services.sns, { start: () => new SnsClient({ fetch: sns.fetch }) });
  const { started } = await container.get(services.gateway);
  await container.get(services.track);
  await container.get(services.reports);
  const access = await container.get(services.access);
  const box = await container.get(services.credentialBox);
  const directory = await container.get(services.providerDirectory);
  const workspace = await until(() => access.findWorkspace(workspaceId), "the workspace");

  const addAccount = async (
    changes: Partial<ProviderAccountDocument> = {},
    itsCredential = credential,
  ): Promise<string> => {
    made += 1;
    const id = `pa_${made}`;
    const at = new Date();
    const sealed = box.seal(itsCredential, id);
    await insertProviderAccount(store, {
      ...{ _id: id, workspaceId, channel, provider, snsTopics: [TOPIC], displayName: "", from: "shop@example.com" },
      ...{ replyTo: "", webhookUrl: "", ratePerS: 0, order: made, sandboxTo: "", state: "active", reason: "" },
      ...{ revision: 1, createdAt: at, updatedAt: at },
      ...(sealed === undefined ? {} : { credential: { ...sealed, sealed: new Binary(sealed.sealed) } }),
      ...changes,
    });
    await directory.refresh();
    await until(() => directory.find(id), "the account");
    return id;
  };
  const account = await addAccount();
  const urlOf = (path: string) => `http://127.0.0.1:${started.port}/v1/callbacks/${provider}/${path}`;

  return {
    ...parts,
    ...{ sns, workspaceDocument: workspace, account, addAccount, urlOf },
    url: urlOf(`${workspaceId}/${account}`),
    /** An intervention that was decided a minute ago, and what its sending leaves behind. */
    async decide(): Promise<{
      readonly interventionId: string;
      readonly messageId: string;
      sent: (id?: string) => Promise<void>;
    }> {
      made += 1;
      const interventionId = `iv${made}`;
      const messageId = `message-${made}`;
      const decidedAt = new Date(Date.now() - 60_000);
      await store.decisions.insertOne({
        ...{ _id: `${interventionId}/0`, workspaceId, interventionId, userId: "ada", campaign: "spring", round: 0 },
        ...{ outcome: "send", channel, decidedAt },
        decision: new Binary(toBinary(DecisionSchema, create(DecisionSchema, { channel: fromChannelName(channel) }))),
      });
      const sent = async (accountId = account) => {
        const whose = { workspaceId, userId: "ada" };
        await store.attempts.insertOne({
          ...{ _id: `${interventionId}:${channel}:1`, ...whose, interventionId, channel, attempt: 1, accountId },
          ...{ provider, worker: "w", startedAt: decidedAt, leaseUntil: decidedAt },
        });
        await store.attemptResults.insertOne({
          ...{ _id: `${interventionId}:${channel}:1`, ...whose, outcome: "sent", reason: "", endedAt: decidedAt },
          ...{ providerMessageId: messageId, sentAs: toSentAs(accountId, messageId) },
        });
      };
      return { interventionId, messageId, sent };
    },
    /** How many messages were ever put on TRACKING. */
    lastTracked: async () => (await bus.jsm.streams.info(bus.subjects.stream("TRACKING"))).state.last_seq,
    eventsOf: (interventionId: string) => listEvents(store, workspaceId, interventionId),
    event: (id: string) => until(() => store.events.findOne({ _id: id }), `the event ${id}`),
    stateOf: async (interventionId: string) =>
      toState(
        toStandingRound(await listRounds(store, workspaceId, interventionId)),
        (await listEvents(store, workspaceId, interventionId)).map(toProgress),
      ),
    standing: async (address: string) =>
      [...(await findSuppressions(store, workspace, [{ channel, address }])).values()].flat(),
    snapshot: () => takeSnapshot(parts),
  };
}
