import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { OperationsService } from "../../gen/intervention/v1/operations_service_pb.js";
import { type Bus, dropDeadLetter, listDeadLetters, replayDeadLetter } from "../bus/index.ts";
import { NotFound } from "../domain/errors.ts";
import { getService } from "./authenticate.ts";
import { onBus } from "./on-bus.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";

const PAGE_SIZE = { fallback: 20, max: 100 };
const positionSchema = z.tuple([z.number().int().min(0)]);

/** Dead letters, for operators. */
export function operationsService({ bus }: { readonly bus: Bus }): ServiceImpl<typeof OperationsService> {
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
      const { workspace } = getService(context.values);
      const sequence = toSequence(request.sequence);
      await onBus(() => replayDeadLetter(bus, { workspace: workspace.id, sequence }));
      return {};
    },
    async dropDeadLetter(request, context) {
      const { workspace } = getService(context.values);
      const sequence = toSequence(request.sequence);
      await onBus(() => dropDeadLetter(bus, { workspace: workspace.id, sequence }));
      return {};
    },
  };
}

/** A stream never counts beyond what a number holds, so a letter of such a sequence is not there. */
function toSequence(sequence: bigint): number {
  if (sequence > BigInt(Number.MAX_SAFE_INTEGER)) throw new NotFound("dead letter", String(sequence));
  return Number(sequence);
}
