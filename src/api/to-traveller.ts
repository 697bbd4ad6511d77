import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Traveller, TravellerSchema } from "../../gen/intervention/v1/journey_pb.js";
import type { TravellerDocument } from "../store/index.ts";

/** A traveller as callers see one. */
export function toTraveller(document: TravellerDocument): Traveller {
  const { _id, userId, campaignId, journeyVersion, enteredAt, stepId, dueAt, leftBecause, path } = document;
  return create(TravellerSchema, {
    ...{ travellerId: _id, userId, campaign: campaignId, journeyVersion, stepId, leftBecause: leftBecause ?? "" },
    enterTime: timestampFromDate(enteredAt),
    ...(dueAt === undefined ? {} : { dueTime: timestampFromDate(dueAt) }),
    path: path.map(({ at, branchCase, interventionId, ...step }) => ({
      ...{ stepId: step.stepId, takeTime: timestampFromDate(at), interventionId: interventionId ?? "" },
      branchCase: branchCase ?? 0,
    })),
  });
}
