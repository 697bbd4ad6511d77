import { EventKindSchema } from "../../gen/intervention/v1/event_pb.js";
import { toKindName } from "../bus/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { CourierOptions } from "./courier.ts";
import { startEventsOut } from "./start-events-out.ts";
import { startWebhooks } from "./start-webhooks.ts";

/** Lets tracked events leave: to the endpoints of each workspace, and as CloudEvents.
 *  @param options.eventsOut kinds for CloudEvents: `none`, `all` or names separated by commas. */
export async function startOutward(
  options: Pick<
    CourierOptions,
    "bus" | "store" | "log" | "metrics" | "erased" | "allowPrivate" | "backoffMs" | "failingMsMax" | "timeoutMs"
  > & {
    readonly access: Pick<AccessDirectory, "workspaces">;
    readonly eventsOut: string;
  },
): Promise<AsyncDisposable> {
  const { eventsOut, bus, log, erased } = options;
  const every = EventKindSchema.values.map(({ number }) => toKindName(number));
  const named = eventsOut.split(",").map((kind) => kind.trim());
  const kinds = new Set(every.filter((kind) => eventsOut === "all" || named.includes(kind)));
  const parts = [
    startWebhooks(options),
    ...(kinds.size === 0 ? [] : [await startEventsOut({ bus, log, erased, kinds })]),
  ];
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
    },
  };
}
