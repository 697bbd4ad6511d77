import { create } from "@bufbuild/protobuf";
import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ConvertedOrder,
  ConvertedOrderSchema,
  ModelCreditsSchema,
  PathTouchSchema,
} from "../../gen/intervention/v1/attribution_service_pb.js";
import type { ConversionDocument } from "../store/index.ts";

/** An order as its shop sees it: with its path and what each model credits. */
export function toConvertedOrder(document: ConversionDocument): ConvertedOrder {
  const { orderId, userId, at, currency, valueMinor, refundedMinor, path, credits } = document;
  return create(ConvertedOrderSchema, {
    ...{ orderId, userId, orderTime: timestampFromDate(at), refundedMinor: BigInt(refundedMinor) },
    value: { currency, minor: BigInt(valueMinor) },
    path: path.map((touch) =>
      create(PathTouchSchema, {
        ...{ eventId: touch.id, interventionId: touch.interventionId, campaign: touch.campaign },
        ...{ channel: touch.channel, variant: touch.variant, clicked: touch.kind === "click" },
        occurTime: timestampFromMs(touch.at),
      }),
    ),
    credits:
      path.length === 0
        ? []
        : Object.entries(credits).map(([model, minor]) =>
            create(ModelCreditsSchema, { model, creditsMinor: minor.map((one) => BigInt(one)) }),
          ),
  });
}
