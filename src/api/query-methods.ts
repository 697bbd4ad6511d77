import { create, toBinary } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { DecisionSchema } from "../../gen/intervention/v1/decision_pb.js";
import {
  type ExplainedDecision,
  ExplainedDecisionSchema,
  type InterventionService,
} from "../../gen/intervention/v1/intervention_service_pb.js";
import { decide } from "../domain/decision/decide.ts";
import { NotFound } from "../domain/errors.ts";
import {
  type DecisionDocument,
  findEventKinds,
  findInterventions,
  findLatestRounds,
  type InterventionDocument,
  listEvents,
  listInterventions,
  listOrdersAfter,
  listRounds,
  type Store,
  toDecision,
  toDecisionInput,
  toStandingRound,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, orEmpty, parseFields } from "./field-checks.ts";
import { listDeliveriesOf } from "./list-deliveries.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { USER_ID } from "./parse-trigger.ts";
import { parseInterventionName, requireParent } from "./resource-name.ts";
import { toConvertedOrder } from "./to-converted-order.ts";
import { toEvent, toIntervention } from "./to-intervention.ts";

const PAGE_SIZE = { fallback: 50, max: 1_000 };
const listSchema = z.object({ userId: checked(...USER_ID.map(orEmpty)) });
const positionSchema = z.tuple([z.string().regex(/^\d{15}-/)]);

/** What tells of interventions without changing any. */
export function queryMethods({
  store,
  now,
}: {
  readonly store: Store;
  readonly now: () => Date;
}): Pick<ServiceImpl<typeof InterventionService>, "get" | "list" | "explain"> {
  return {
    async get({ name }, context) {
      const { workspace } = getService(context.values);
      const document = await getIntervention(store, workspace.id, parseInterventionName(name, workspace.id));
      const [rounds, kinds] = await Promise.all([
        findLatestRounds(store, workspace.id, [document._id]),
        findEventKinds(store, workspace.id, [document._id]),
      ]);
      const [latest, happened] = [rounds.get(document._id), kinds.get(document._id) ?? []];
      return { intervention: toIntervention(document, latest, happened) };
    },
    async list(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { userId } = parseFields(listSchema, request);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["interventions", workspace.id, userId];
      const position = parsePageToken(request.pageToken, scope, positionSchema);
      const found = await listInterventions(store, {
        workspaceId: workspace.id,
        ...(userId === "" ? {} : { userId }),
        ...(position === undefined ? {} : { before: position[0] }),
        now: now(),
        since: workspace.createdAt,
        limit: size + 1,
      });
      const page = found.slice(0, size);
      const ids = page.map(({ _id }) => _id);
      const [latest, kinds] = await Promise.all([
        findLatestRounds(store, workspace.id, ids),
        findEventKinds(store, workspace.id, ids),
      ]);
      const last = page.at(-1);
      return {
        interventions: page.map((document) =>
          toIntervention(document, latest.get(document._id), kinds.get(document._id) ?? []),
        ),
        nextPageToken: found.length > size && last !== undefined ? toPageToken([last.position], scope) : "",
      };
    },
    async explain({ name }, context) {
      const { workspace } = getService(context.values);
      const id = parseInterventionName(name, workspace.id);
      const [document, rounds, events, deliveries] = await Promise.all([
        getIntervention(store, workspace.id, id),
        listRounds(store, workspace.id, id),
        listEvents(store, workspace.id, id),
        listDeliveriesOf(store, workspace.id, id),
      ]);
      const conversions = await listOrdersAfter(store, {
        ...{ workspaceId: workspace.id, userId: document.userId, interventionId: id },
        acceptedAt: document.acceptedAt,
      });
      return {
        deliveries,
        intervention: toIntervention(
          document,
          toStandingRound(rounds),
          events.map(({ kind }) => kind),
        ),
        decisions: rounds.map(explainRound),
        events: events.map(toEvent),
        conversions: conversions.map(toConvertedOrder),
      };
    },
  };
}

/** @throws NotFound when this workspace's ledger does not have it. */
export async function getIntervention(store: Store, workspaceId: string, id: string): Promise<InterventionDocument> {
  const [document] = await findInterventions(store, workspaceId, [id]);
  if (document === undefined) throw new NotFound("intervention", id);
  return document;
}

/** Decides again on what was recorded: the same bytes show that nothing else had a part in it. */
function explainRound(document: DecisionDocument): ExplainedDecision {
  const input = toDecisionInput(document);
  if (input === undefined) return create(ExplainedDecisionSchema, { decision: toDecision(document) });
  const replayed = toBinary(DecisionSchema, decide(input));
  return create(ExplainedDecisionSchema, {
    decision: toDecision(document),
    input,
    replayMatches: Buffer.compare(replayed, document.decision.value()) === 0,
  });
}
