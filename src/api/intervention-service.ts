import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { createRealtimePublisher } from "../bus/index.ts";
import { listEvents } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { type CancelParts, cancelIntervention } from "./cancel-intervention.ts";
import { checked, parseFields, text } from "./field-checks.ts";
import { getIntervention, queryMethods } from "./query-methods.ts";
import { parseInterventionName } from "./resource-name.ts";
import { toIntervention } from "./to-intervention.ts";
import { type TriggerParts, triggerMethods } from "./trigger-methods.ts";
import { type WatchParts, watchMethod } from "./watch-method.ts";

/** What the service stands on. */
export type InterventionServiceParts = TriggerParts & WatchParts & Omit<CancelParts, "realtime">;

const cancelSchema = z.object({ reason: checked(text({ max: 200 })) });

/** Accepts interventions and tells what became of them. */
export function interventionService(parts: InterventionServiceParts): ServiceImpl<typeof InterventionService> {
  const { store, bus } = parts;
  const realtime = createRealtimePublisher(bus);
  return {
    ...triggerMethods(parts),
    ...queryMethods(parts),
    watch: watchMethod(parts),
    async cancel(request, context) {
      const { workspace } = getService(context.values);
      const { reason } = parseFields(cancelSchema, request);
      const document = await getIntervention(store, workspace.id, parseInterventionName(request.name, workspace.id));
      const latest = await cancelIntervention({ ...parts, realtime }, document, reason);
      const happened = await listEvents(store, workspace.id, document._id);
      const kinds = happened.map(({ kind }) => kind);
      return { intervention: toIntervention(document, latest, kinds) };
    },
  };
}
