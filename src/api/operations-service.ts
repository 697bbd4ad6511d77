import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Logger } from "pino";
import { z } from "zod";
import type { OperationsService } from "../../gen/intervention/v1/operations_service_pb.js";
import { type Bus, dropDeadLetter, listDeadLetters, replayDeadLetter } from "../bus/index.ts";
import { NotFound } from "../domain/errors.ts";
import type { Store } from "../store/index.ts";
import { toMethodName } from "./access-rules.ts";
import { actAudited } from "./audit.ts";
import { getService } from "./authenticate.ts";
import { onBus } from "./on-bus.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";

const PAGE_SIZE = { fallback: 20, max: 100 };
const positionSchema = z.tuple([z.number().int().min(0)]);

/** What operating works with. */
export type OperationsParts = {
  readonly bus: Bus;
  readonly store: Store;
  readonly log: Logger;
  readonly now: () => Date;
};

/** Dead letters, for operators. What is done to one is in the audit log. */
export function operationsService(parts: OperationsParts): ServiceImpl<typeof OperationsService> {
  const { bus } = parts;
  return {
    async listDeadLetters(request, context) {
      const { workspace } = getService(context.values);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["dead letters", workspace.id];
      const [after = 0] = parsePageToken(request.pageToken, scope, positionSchema) ?? [];
      const found = await onBus(() => listDeadLetters(bus, { workspace: workspace.id, after, limit: size + 1 }));
      const page = found.slice(0, size);
      const last = page.at(-1);
      return {
        deadLetters: page.map(({ sequence, deadTime, headers, ...letter }) => ({
          ...letter,
          sequence: BigInt(sequence),
          deadTime: timestampFromDate(deadTime),
          headers: { ...headers },
        })),
        nextPageToken: found.length > size && last !== undefined ? toPageToken([last.sequence], scope) : "",
      };
    },
    async replayDeadLetter(request, context) {
      const sequence = toSequence(request.sequence);
      await audited(parts, context, sequence, (workspace) => replayDeadLetter(bus, { workspace, sequence }));
      return {};
    },
    async dropDeadLetter(request, context) {
      const sequence = toSequence(request.sequence);
      await audited(parts, context, sequence, (workspace) => dropDeadLetter(bus, { workspace, sequence }));
      return {};
    },
  };
}

/** A letter is on the bus, which shares no transaction with the log. */
async function audited(
  parts: OperationsParts,
  context: HandlerContext,
  sequence: number,
  act: (workspace: string) => Promise<void>,
): Promise<void> {
  const caller = getService(context.values);
  const workspaceId = caller.workspace.id;
  const resource = `workspaces/${workspaceId}/deadLetters/${sequence}`;
  const change = { workspaceId, caller, method: toMethodName(context.method), resource, at: parts.now() };
  await actAudited(parts, change, () => onBus(() => act(workspaceId)));
}

/** A stream never counts beyond what a number holds, so a letter of such a sequence is not there. */
function toSequence(sequence: bigint): number {
  if (sequence > BigInt(Number.MAX_SAFE_INTEGER)) throw new NotFound("dead letter", String(sequence));
  return Number(sequence);
}
