import { fromBinary } from "@bufbuild/protobuf";
import type { Binary } from "mongodb";
import { type Schedule, ScheduleSchema } from "../../gen/intervention/v1/run_service_pb.js";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** When a campaign is to be sent to a segment. */
export type ScheduleDocument = {
  /** The schedule's id. */
  readonly _id: string;
  readonly workspaceId: string;
  /** Schedule, without what is beside it here. */
  readonly schedule: Binary;
  /** The first due time that nobody has dealt with; absent when there is none any more. */
  readonly nextAt?: Date;
};

export const scheduleIndexes = [
  { name: "by_next", key: { workspaceId: 1, nextAt: 1 } },
] as const satisfies readonly IndexDefinition[];

const LISTED_MAX = 1_000;

export const toSchedule = ({ schedule }: Pick<ScheduleDocument, "schedule">): Schedule =>
  fromBinary(ScheduleSchema, schedule.value());

export async function insertSchedule(store: Store, document: ScheduleDocument): Promise<void> {
  await insertNew(store.schedules, [document]);
}

export function listSchedules(store: Store, workspaceId: string): Promise<ScheduleDocument[]> {
  return onStore(() => store.schedules.find({ workspaceId }).limit(LISTED_MAX).toArray());
}

/** Those that are due by now. */
export function listSchedulesDue(store: Store, workspaceId: string, now: Date): Promise<ScheduleDocument[]> {
  return onStore(() =>
    store.schedules
      .find({ workspaceId, nextAt: { $lte: now } })
      .limit(LISTED_MAX)
      .toArray(),
  );
}

/** Moves one on from a due time that was dealt with, unless another one has. */
export async function advanceSchedule(
  store: Store,
  id: string,
  { from, to }: { readonly from: Date; readonly to: Date | undefined },
): Promise<void> {
  const isThere = { $eq: ["$nextAt", from] };
  const update = [{ $set: { nextAt: { $cond: [isThere, to ?? "$$REMOVE", "$nextAt"] } } }];
  await onStore(() => store.schedules.updateOne({ _id: id }, update));
}

/** @returns false when this workspace has no such schedule. */
export async function deleteSchedule(store: Store, workspaceId: string, id: string): Promise<boolean> {
  const found = await onStore(() => store.schedules.findOne({ _id: id }));
  if (found?.workspaceId !== workspaceId) return false;
  await onStore(() => store.schedules.deleteOne({ _id: id }));
  return true;
}
