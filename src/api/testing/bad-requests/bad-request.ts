import type { JsonObject } from "@bufbuild/protobuf";

/** What is sent, as JSON, the code of the answer, and every field that it names. */
export type BadRequest = readonly [sent: JsonObject, code: string, ...fields: string[]];

export const LONG = "x".repeat(300);
export const NO_PAGE: readonly BadRequest[] = [
  [{ pageSize: -1 }, "InvalidArgument", "page_size"],
  [{ pageToken: "of nobody" }, "InvalidArgument", "page_token"],
];
export const NO_USER: readonly BadRequest[] = [
  [{}, "InvalidArgument", "user_id"],
  [{ userId: "a\u0000b" }, "InvalidArgument", "user_id"],
  [{ userId: LONG }, "InvalidArgument", "user_id"],
];
export const noName = (field: string): readonly BadRequest[] => [
  [{}, "InvalidArgument", field],
  [{ [field]: "x/y" }, "InvalidArgument", field],
  [{ [field]: "workspaces//things/" }, "InvalidArgument", field],
];
export const nothing = (more: JsonObject): readonly BadRequest[] => [[more, "NotFound"]];

export const ANY_DAY = { startTime: "2026-01-01T00:00:00Z", endTime: "2026-01-02T00:00:00Z" };
