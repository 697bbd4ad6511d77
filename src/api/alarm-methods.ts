import { create, toJson } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type Alarm,
  AlarmKind,
  AlarmSchema,
  type AlarmThresholds,
  AlarmThresholdsSchema,
  type AnalyticsService,
} from "../../gen/intervention/v1/analytics_service_pb.js";
import {
  type Alarm as FoundAlarm,
  THRESHOLDS,
  type AlarmThresholds as Thresholds,
} from "../domain/analytics/find-alarms.ts";
import { InvalidInput, NotFound } from "../domain/errors.ts";
import { findCurrentAlarms, findWorkspace, type WorkspaceDocument } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { changeAudited } from "./change-workspace.ts";
import { parseFields } from "./field-checks.ts";
import type { AnalyticsParts } from "./figure-points.ts";
import { requireParent } from "./resource-name.ts";
import { toEtag } from "./to-admin.ts";

const SENT_MAX = 1_000_000n;
const rate = z.number().min(0, "it is not in 0 to 1").max(1, "it is not in 0 to 1");
const thresholdsSchema = z.object({
  thresholds: z.object({
    complaintRateMax: rate,
    unsubscribeRateMax: rate,
    sentMin: z.bigint().min(1n, "it is less than 1").max(SENT_MAX, `it is more than ${SENT_MAX}`),
  }),
});
const KINDS = { complained: AlarmKind.COMPLAINTS, unsubscribed: AlarmKind.UNSUBSCRIBES } as const;

/** Tells of rates that are too high, and sets from when on they are. */
export function alarmMethods(
  parts: AnalyticsParts,
): Pick<ServiceImpl<typeof AnalyticsService>, "getAlarms" | "updateAlarmThresholds"> {
  const { store } = parts;
  return {
    async getAlarms({ parent }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const document = await findWorkspace(store, workspace.id);
      if (document === undefined) throw new NotFound("workspace", workspace.id);
      const { alarms: thresholds } = document;
      const found = await findCurrentAlarms(store, workspace.id, { thresholds, now: parts.now() });
      return { alarms: found.map(toAlarm), thresholds: toThresholds(document) };
    },
    async updateAlarmThresholds({ parent, thresholds }, context) {
      const caller = getService(context.values);
      requireParent(parent, caller.workspace.id);
      if (thresholds === undefined)
        throw new InvalidInput([{ field: "thresholds", description: "it is missing; it says what to set" }]);
      const { complaintRateMax, unsubscribeRateMax, sentMin } = parseFields(thresholdsSchema, {
        thresholds,
      }).thresholds;
      const alarms: Thresholds = {
        rateMax: { complained: complaintRateMax, unsubscribed: unsubscribeRateMax },
        sentMin: Number(sentMin),
      };
      const changed = await changeAudited(parts, {
        ...{ caller, id: caller.workspace.id, etag: thresholds.etag },
        method: "intervention.v1.AnalyticsService/UpdateAlarmThresholds",
        toChange: async () => ({ alarms }),
        toAudited: (document) => toJson(AlarmThresholdsSchema, toThresholds(document)),
      });
      return { thresholds: toThresholds(changed) };
    },
  };
}

/** The alarms of a workspace, by the thresholds that this process knows. */
export async function loadAlarms({ store, access, now }: AnalyticsParts, workspaceId: string): Promise<Alarm[]> {
  const thresholds = access.findWorkspace(workspaceId)?.alarms;
  return (await findCurrentAlarms(store, workspaceId, { thresholds, now: now() })).map(toAlarm);
}

function toThresholds(document: WorkspaceDocument): AlarmThresholds {
  const { rateMax, sentMin } = document.alarms ?? THRESHOLDS;
  return create(AlarmThresholdsSchema, {
    ...{ complaintRateMax: rateMax.complained, unsubscribeRateMax: rateMax.unsubscribed, sentMin: BigInt(sentMin) },
    etag: toEtag(document),
  });
}

const toAlarm = ({ kind, count, sent, ...more }: FoundAlarm): Alarm =>
  create(AlarmSchema, { ...more, kind: KINDS[kind], count: BigInt(count), sent: BigInt(sent) });
