import { toBinary } from "@bufbuild/protobuf";
import { type InterventionMessage, InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { Unavailable } from "../domain/errors.ts";
import type { Bus } from "./connect-bus.ts";
import { packItems } from "./packed-publisher.ts";

/** What has fired is read at once; a day is for a decider that was down. */
const FIRED_TTL = "24h";

/** Has the broker put a message on `later.due.…` at a time (scheduled messages, NATS ADR-51). A second call for the same
 *  intervention replaces the first. The decisions in the store are the truth: what fires late or twice finds its round decided. */
export async function scheduleDecision(bus: Bus, message: InterventionMessage, at: Date): Promise<void> {
  try {
    await bus.js.publish(
      bus.subjects.later(message.workspace, message.interventionId),
      packItems([toBinary(InterventionMessageSchema, message)]),
      {
        schedule: {
          specification: { at },
          target: bus.subjects.due(message.workspace, message.interventionId),
          ttl: FIRED_TTL,
        },
      },
    );
  } catch (error) {
    throw new Unavailable("bus", { cause: error });
  }
}

/** Takes a scheduled decision back. One that fires at this very moment finds the cancellation in the store. */
export async function unscheduleDecision(
  bus: Bus,
  options: { readonly workspace: string; readonly interventionId: string },
): Promise<void> {
  try {
    await bus.jsm.streams.purge(bus.subjects.stream("DELAYED"), {
      filter: bus.subjects.later(options.workspace, options.interventionId),
    });
  } catch (error) {
    throw new Unavailable("bus", { cause: error });
  }
}
