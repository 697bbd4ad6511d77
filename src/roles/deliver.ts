import { randomUUID } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { DeliveryBatchSchema, type DeliveryMessage } from "../../gen/intervention/v1/bus_pb.js";
import { type Bus, type EventPublisher, PRIORITIES, Worker } from "../bus/index.ts";
import type { CredentialBox } from "../channels/credential-box.ts";
import type { KnownProvider } from "../channels/known-provider.ts";
import { OUTSIDE_CHANNELS, type OutsideChannelName, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { InvalidInput } from "../domain/errors.ts";
import type { TrackedUrls } from "../domain/tracking/track-links.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { ProviderDirectory } from "../integrations/provider-directory.ts";
import { SharedLimits } from "../integrations/shared-limits.ts";
import type { TrackedLink } from "../integrations/tracked-links.ts";
import type { UnsubscribableMessage } from "../integrations/unsubscribe-links.ts";
import type { Metrics } from "../observe/index.ts";
import type { ErasedUsers } from "../privacy/erased-users.ts";
import type { Store } from "../store/index.ts";
import { DeliveryRunner } from "./delivery-runner.ts";
import { Senders, toProviderLimit } from "./senders.ts";

/** What the role stands on. */
export type DeliverOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly access: Pick<AccessDirectory, "findWorkspace">;
  readonly events: EventPublisher;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly erased: Pick<ErasedUsers, "keepKnown">;
  /** A workspace's messages a day on a channel, and the time zone of its days; undefined: as many as it likes. */
  readonly findQuota: (
    workspaceId: string,
    channel: OutsideChannelName,
  ) => { readonly perDay: number; readonly timeZone: string } | undefined;
  /** Where an address unsubscribes; undefined where nobody knows how this engine is reached. */
  readonly toUnsubscribeUrl?: ((workspaceId: string, message: UnsubscribableMessage) => string | undefined) | undefined;
  /** Where the links of a message lead instead; undefined where nobody knows how this engine is reached. */
  readonly toTrackedUrls?: ((message: Omit<TrackedLink, "actionId" | "url">) => TrackedUrls | undefined) | undefined;
  readonly directory: Pick<ProviderDirectory, "listActive" | "find" | "refresh" | "tell">;
  readonly providers: readonly KnownProvider[];
  readonly box: CredentialBox;
  /** A claimed attempt is its worker's for so long beyond the provider's time-out. */
  readonly leaseMs: number;
  /** Names this process in attempts. */
  readonly worker: string;
};

/** Messages, each of up to 500 deliveries. */
const MESSAGES_MAX = 8;
/** Together they take every message of DISPATCH. */
export const DELIVERERS = {
  stream: "DISPATCH",
  names: OUTSIDE_CHANNELS.flatMap((channel) => PRIORITIES.map((priority) => `deliver-${channel}-${priority}`)),
} as const;

/** Sends what providers outside carry. A channel and priority has a consumer of its own: a one-time code waits behind no
 *  newsletter, and no channel behind another's slow provider. */
export async function startDeliver(options: Omit<DeliverOptions, "worker">): Promise<AsyncDisposable> {
  const { bus, log, erased } = options;
  const limits = new SharedLimits({
    bus,
    subject: bus.subjects.providerLimitsUsed,
    limitOf: (id) => toProviderLimit(id, options),
    now: () => performance.now(),
  });
  const senders = new Senders({ ...options, limits });
  const runner = new DeliveryRunner({ ...options, senders, worker: randomUUID() });
  const handle = async (batch: readonly (readonly DeliveryMessage[])[]) =>
    runner.run(await erased.keepKnown(batch.flat(), ofUser));
  const common = { bus, log, handle, batchMax: MESSAGES_MAX, parse: ({ data }: { data: Uint8Array }) => parse(data) };
  const workers = await Promise.all([
    ...OUTSIDE_CHANNELS.flatMap((channel) =>
      PRIORITIES.map((priority) =>
        Worker.start({
          ...common,
          stream: "DISPATCH",
          name: `deliver-${channel}-${priority}`,
          filterSubject: bus.subjects.dispatchOf(channel, priority),
        }),
      ),
    ),
    ...PRIORITIES.map((priority) =>
      Worker.start({
        ...common,
        stream: "DELAYED",
        name: `deliver-again-${priority}`,
        filterSubject: bus.subjects.sendNowOf(priority),
      }),
    ),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await senders[Symbol.asyncDispose]();
      limits.stop();
    },
  };
}

const ofUser = ({ intervention }: DeliveryMessage) => ({
  workspace: intervention?.workspace ?? "",
  interventionId: intervention?.interventionId ?? "",
  userId: intervention?.recipient?.userId ?? "",
});

/** @throws InvalidInput */
function parse(data: Uint8Array): readonly DeliveryMessage[] {
  let deliveries: DeliveryMessage[];
  try {
    deliveries = fromBinary(DeliveryBatchSchema, data).deliveries;
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `not a DeliveryBatch: ${String(error)}` }]);
  }
  const bad = deliveries.findIndex(
    ({ intervention, channel, attempt }) =>
      !intervention?.interventionId ||
      !intervention.workspace ||
      intervention.recipient === undefined ||
      toOutsideChannel(channel) === undefined ||
      attempt < 1,
  );
  if (bad >= 0 || deliveries.length === 0)
    throw new InvalidInput([
      {
        field: `deliveries[${Math.max(0, bad)}]`,
        description: "a DeliveryMessage without intervention, channel or attempt",
      },
    ]);
  return deliveries;
}
