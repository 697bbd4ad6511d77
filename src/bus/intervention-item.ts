import { toBinary } from "@bufbuild/protobuf";
import { type InterventionMessage, InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import type { PackedItem } from "./packed-publisher.ts";
import { PRIORITY_NAMES, type Subjects } from "./subjects.ts";

/** An intervention as it goes on INTERVENTIONS to be decided. */
export function toInterventionItem(subjects: Subjects, message: InterventionMessage): PackedItem {
  return {
    subject: subjects.intervention(message.workspace, PRIORITY_NAMES[message.priority]),
    body: toBinary(InterventionMessageSchema, message),
  };
}
