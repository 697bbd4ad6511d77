import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type ContactChannel, ProfileSchema, Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { ConsentKeeper } from "../../api/consent-keeper.ts";
import { ProfileKeeper } from "../../api/profile-keeper.ts";
import type { OutsideChannelName } from "../../domain/delivery/channel-names.ts";
import { toChanges } from "../../domain/profile/to-changes.ts";
import { insertProviderAccount } from "../../store/index.ts";
import { startParts } from "../../testing/parts.ts";
import { takeSnapshot } from "../../testing/take-snapshot.ts";
import { until } from "../../testing/until.ts";

/** An engine's edge, and what its pages show of users. */
export async function startPages(overrides: Readonly<Record<string, string>> = {}) {
  const parts = await startParts(overrides);
  const { container, services, store, bus, workspace: workspaceId, apiKey } = parts;
  const access = await container.get(services.access);
  const { started } = await container.get(services.gateway);
  const workspace = await until(() => access.findWorkspace(workspaceId), "the workspace");
  const keeper = new ProfileKeeper({ store, now: () => new Date(), indexedAttributes: [] });
  const consents = new ConsentKeeper({ store, now: () => new Date(), keeper });
  const base = `http://127.0.0.1:${started.port}`;
  return {
    ...{ ...parts, access, base, workspaceDocument: workspace },
    /** What a service asks for, as JSON. */
    async call(method: string, request: object): Promise<{ readonly status: number; readonly body: unknown }> {
      const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
      const answer = await fetch(`${base}/${method}`, { method: "POST", headers, body: JSON.stringify(request) });
      return { status: answer.status, body: await answer.json() };
    },
    /** Decides and delivers, into the outboxes of these channels. */
    async startSending(channels: readonly OutsideChannelName[]): Promise<void> {
      const at = new Date();
      for (const [order, channel] of channels.entries())
        await insertProviderAccount(store, {
          ...{ _id: `pa_${channel}`, workspaceId, channel, provider: "outbox", displayName: "", from: "Shop" },
          ...{ replyTo: "", webhookUrl: "", ratePerS: 0, order, sandboxTo: "", state: "active", reason: "" },
          ...{ revision: 1, createdAt: at, updatedAt: at },
        });
      bus.nc.publish(bus.subjects.providersChanged);
      await container.get(services.decide);
      await container.get(services.deliver);
      await container.get(services.track);
      const directory = await container.get(services.providerDirectory);
      await until(() => channels.every((channel) => directory.find(`pa_${channel}`)), "the accounts");
    },
    async putProfile(profile: MessageInitShape<typeof ProfileSchema>): Promise<void> {
      const made = create(ProfileSchema, profile);
      await keeper.apply(workspaceId, [{ userId: made.userId, changes: toChanges(made, [], { at: 1, id: "" }) }]);
    },
    /** What a user has said to marketing a minute ago. */
    async say(userId: string, channel: ContactChannel, word: "granted" | "denied"): Promise<void> {
      const changedAt = new Date(Date.now() - 60_000);
      await consents.say(workspaceId, {
        ...{ userId, channel, purpose: Purpose.MARKETING, word, changedAt, isTimeOwn: false },
        ...{ source: "signup", textVersion: "t1", requestId: `${channel}/${word}` },
      });
    },
    snapshot: () => takeSnapshot(parts),
  };
}
