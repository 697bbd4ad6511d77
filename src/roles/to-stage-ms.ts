import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

/** How long a stage took, as events have it: at least 1, since 0 stands for what is not known. */
export const toStageMs = (since: Timestamp | undefined, at: Date): bigint =>
  since === undefined ? 0n : BigInt(Math.max(1, Math.round(at.getTime() - timestampMs(since))));
