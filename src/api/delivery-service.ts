import type { ServiceImpl } from "@connectrpc/connect";
import type { DeliveryService } from "../../gen/intervention/v1/delivery_service_pb.js";
import { fromChannelName, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { NotFound } from "../domain/errors.ts";
import type { Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { listDeliveriesOf } from "./list-deliveries.ts";
import { getIntervention } from "./query-methods.ts";
import { parseInterventionName } from "./resource-name.ts";

/** What became of each attempt to reach a user by a provider. */
export function deliveryService({ store }: { readonly store: Store }): ServiceImpl<typeof DeliveryService> {
  return {
    async getDelivery({ deliveryId: id }, context) {
      const { workspace } = getService(context.values);
      const [, interventionId = "", name] = /^([^:]+):([a-z]+)$/.exec(id) ?? [];
      if (toOutsideChannel(fromChannelName(name)) === undefined) throw new NotFound("delivery", id);
      const found = await listDeliveriesOf(store, workspace.id, interventionId);
      const delivery = found.find((one) => one.deliveryId === id);
      if (delivery === undefined) throw new NotFound("delivery", id);
      return { delivery };
    },
    async listDeliveries({ name }, context) {
      const { workspace } = getService(context.values);
      const document = await getIntervention(store, workspace.id, parseInterventionName(name, workspace.id));
      return { deliveries: await listDeliveriesOf(store, workspace.id, document._id) };
    },
  };
}
