import { randomUUID } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type InterventionService,
  type TriggerBatchRequest,
  type TriggerRequest,
  TriggerRequestSchema,
  type TriggerResponse,
  TriggerResponseSchema,
  type TriggerResult,
  TriggerResultSchema,
  TriggerStreamResponseSchema,
} from "../../gen/intervention/v1/intervention_service_pb.js";
import type { Acceptor, AcceptResult } from "../accept/acceptor.ts";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { InvalidInput } from "../domain/errors.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import type { Store } from "../store/index.ts";
import { type AnswerStreamParts, answerStream } from "./answer-stream.ts";
import { getService } from "./authenticate.ts";
import { getTraceparent } from "./interceptors.ts";
import { parseTrigger } from "./parse-trigger.ts";
import { requireParent, toInterventionName } from "./resource-name.ts";
import { toPin } from "./template-use.ts";
import { toConnectError, toSeverity, toStatus } from "./to-connect-error.ts";

/** What accepting over the wire needs. */
export type TriggerParts = AnswerStreamParts & { readonly acceptor: Acceptor; readonly store: Store };

const BATCH_REQUESTS_MAX = 1_000;

/** The three ways to ask for interventions. */
export function triggerMethods(
  parts: TriggerParts,
): Pick<ServiceImpl<typeof InterventionService>, "trigger" | "triggerBatch" | "triggerStream"> {
  const { acceptor } = parts;
  return {
    async trigger(request, context) {
      const { workspace } = getService(context.values);
      const keyHeader = context.requestHeader.get("idempotency-key") ?? undefined;
      const parsed = parseTrigger(request, { workspaceId: workspace.id, keyHeader, newKey: randomUUID });
      const trigger = parsed.template === undefined ? parsed : await toPin(parts.store, workspace.id)(parsed);
      const [result] = await acceptor.accept(workspace, [trigger], getTraceparent(context.values));
      if (result === undefined || result.kind === "failed") throw result?.error;
      return toResponse(workspace, result);
    },
    async triggerBatch(request, context) {
      const { workspace } = getService(context.values);
      requireBatch(request, workspace.id);
      return { results: await acceptAll(parts, workspace, request.requests, context) };
    },
    triggerStream(requests, context) {
      const { workspace } = getService(context.values);
      return answerStream(requests, {
        ...parts,
        signal: context.signal,
        async answer({ request }, index) {
          const [result] = await acceptAll(parts, workspace, [request ?? create(TriggerRequestSchema)], context);
          return create(TriggerStreamResponseSchema, {
            index: BigInt(index),
            result: result ?? create(TriggerResultSchema),
          });
        },
      });
    },
  };
}

function requireBatch({ parent, requests }: TriggerBatchRequest, workspaceId: string): void {
  requireParent(parent, workspaceId);
  if (requests.length >= 1 && requests.length <= BATCH_REQUESTS_MAX) return;
  throw new InvalidInput([
    { field: "requests", description: `there are ${requests.length}; 1 to ${BATCH_REQUESTS_MAX} are allowed` },
  ]);
}

/** Accepts the good ones; a bad one gets its own answer and stops nobody. */
async function acceptAll(
  parts: TriggerParts,
  workspace: Workspace,
  requests: readonly TriggerRequest[],
  context: HandlerContext,
): Promise<TriggerResult[]> {
  const parsed = await pinAll(
    parts.store,
    workspace,
    requests.map((request) => tryParse(request, workspace.id)),
  );
  const good = parsed.flatMap((outcome) => (outcome.kind === "parsed" ? outcome.trigger : []));
  const accepted = (await parts.acceptor.accept(workspace, good, getTraceparent(context.values))).values();
  return parsed.map((outcome) => {
    const result = outcome.kind === "parsed" ? accepted.next().value : outcome;
    if (result?.kind === "accepted")
      return create(TriggerResultSchema, { result: { case: "response", value: toResponse(workspace, result) } });
    const error = result?.error;
    if (toSeverity(toConnectError(error)) !== "caller")
      parts.log.error({ event: "accept_failed", err: error }, "one of several interventions could not be accepted");
    return create(TriggerResultSchema, { result: { case: "error", value: toStatus(error) } });
  });
}

type ParseOutcome =
  | { readonly kind: "parsed"; readonly trigger: ParsedTrigger }
  | { readonly kind: "failed"; readonly error: unknown };

function tryParse(request: TriggerRequest, workspaceId: string): ParseOutcome {
  try {
    return { kind: "parsed", trigger: parseTrigger(request, { workspaceId, newKey: randomUUID }) };
  } catch (error) {
    return { kind: "failed", error };
  }
}

/** What names no template is left as it is. */
async function pinAll(
  store: Store,
  workspace: Workspace,
  outcomes: readonly ParseOutcome[],
): Promise<readonly ParseOutcome[]> {
  const usesTemplate = (one: ParseOutcome) => one.kind === "parsed" && one.trigger.template !== undefined;
  if (!outcomes.some(usesTemplate)) return outcomes;
  const pin = toPin(store, workspace.id);
  return Promise.all(
    outcomes.map(async (one): Promise<ParseOutcome> => {
      if (one.kind === "failed") return one;
      try {
        return { kind: "parsed", trigger: await pin(one.trigger) };
      } catch (error) {
        return { kind: "failed", error };
      }
    }),
  );
}

function toResponse(
  workspace: Workspace,
  { interventionId, duplicate, acceptedAt }: AcceptResult & { kind: "accepted" },
): TriggerResponse {
  const response: MessageInitShape<typeof TriggerResponseSchema> = {
    name: toInterventionName(workspace.id, interventionId),
    interventionId,
    duplicate,
    acceptTime: timestampFromDate(acceptedAt),
  };
  return create(TriggerResponseSchema, response);
}
