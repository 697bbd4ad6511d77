import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import type { Plan } from "./plan.ts";
import { toPath } from "./thing.ts";

/** What is going to change, for a person. */
export function toSummary({ changes, same, conflicts, others, over }: Plan): string[] {
  return [
    ...changes.flatMap((change) => [
      `${change.kept === undefined ? "+" : "~"} ${toPath(change.thing)}${conflicts.includes(change) ? " (changed in the workspace meanwhile)" : ""}`,
      ...change.lines.map(
        ({ text, from, to }) => `    ${from === undefined ? "+" : to === undefined ? "-" : " "} ${text}`,
      ),
      ...(change.lines.length === 0 ? ["    takes the new version of its template"] : []),
    ]),
    ...over.map((one) => `! ${toPath(one)} is over in the workspace, and stays as it is`),
    ...others.map((one) => `? ${toPath(one)} is only in the workspace, and stays as it is`),
    `${changes.length} to change, ${same.length} the same, ${others.length} only in the workspace`,
  ];
}

/** Why a call was refused, with every bad field. */
export function toReason(error: unknown): string {
  if (!(error instanceof ConnectError)) return error instanceof Error ? error.message : String(error);
  if (error.code === Code.Unavailable) return `the engine does not answer: ${error.rawMessage}`;
  const fields = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  return [error.rawMessage, ...fields.map(({ field, description }) => `  ${field}: ${description}`)].join("\n");
}
