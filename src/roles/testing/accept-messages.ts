import { toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { type InterventionMessage, InterventionMessageSchema } from "../../../gen/intervention/v1/bus_pb.js";
import { BatchPublisher, type Bus, packItems } from "../../bus/index.ts";
import { type Store, toPosition } from "../../store/index.ts";

/** What accepting leaves behind: an entry in the ledger and a message on the stream. */
export async function acceptMessages(
  { bus, store }: { readonly bus: Bus; readonly store: Store },
  messages: readonly InterventionMessage[],
): Promise<void> {
  await store.interventions.insertMany(
    messages.map((one) => ({
      _id: one.interventionId,
      workspaceId: one.workspace,
      userId: one.recipient?.userId ?? "",
      position: toPosition(new Date(), one.interventionId),
      acceptedAt: new Date(),
      bodyHash: new Binary(),
      message: new Binary(toBinary(InterventionMessageSchema, one)),
    })),
  );
  await new BatchPublisher(bus).publishAll(
    messages.map((one) => ({
      subject: bus.subjects.intervention(one.workspace, "normal"),
      data: packItems([toBinary(InterventionMessageSchema, one)]),
    })),
  );
}
