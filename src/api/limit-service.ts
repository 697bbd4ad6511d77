import { create, toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type CallLimit,
  CallLimitSchema,
  type LimitService,
  type Limits,
  LimitsSchema,
} from "../../gen/intervention/v1/limit_service_pb.js";
import { fromChannelName, OUTSIDE_CHANNELS } from "../domain/delivery/channel-names.ts";
import { InvalidInput, NotFound } from "../domain/errors.ts";
import { type CallRates, toEffective } from "../domain/limit/effective-limits.ts";
import { toQuotaDay } from "../domain/limit/quota-day.ts";
import type { RateLimit } from "../domain/limit/token-bucket.ts";
import { countQuotaSlots, findWorkspace, type WorkspaceDocument, type WorkspaceLimits } from "../store/index.ts";
import { parseWorkspaceName, toWorkspaceName } from "./admin-names.ts";
import type { AdminParts } from "./admin-service.ts";
import { getService } from "./authenticate.ts";
import { changeAudited } from "./change-workspace.ts";
import { show } from "./field-checks.ts";
import { parseLimits } from "./parse-limits.ts";
import { toEtag } from "./to-admin.ts";

/** What limits work with. */
export type LimitParts = Pick<AdminParts, "store" | "access" | "now"> & {
  /** What the engine's settings allow to each key and each workspace. */
  readonly allowed: CallRates;
  /** Of workspaces that have none. */
  readonly defaultTimeZone: string;
};

/** A workspace's calls a second, and its messages a day. */
export function limitService(parts: LimitParts): ServiceImpl<typeof LimitService> {
  const { store, allowed, now } = parts;
  const find = async (id: string): Promise<WorkspaceDocument> => {
    const found = await findWorkspace(store, id);
    if (found === undefined) throw new NotFound("workspace", id);
    return found;
  };
  return {
    async getLimits({ parent }, context) {
      const document = await find(parseWorkspaceName(parent, getService(context.values), "parent"));
      const { key, workspace } = toEffective(allowed, document.limits);
      return {
        limits: toLimits(document),
        effectiveKey: toCallLimit(key),
        effectiveWorkspace: toCallLimit(workspace),
      };
    },
    async updateLimits({ parent, limits, updateMask }, context) {
      const caller = getService(context.values);
      const id = parseWorkspaceName(parent, caller, "parent");
      const name = limits?.name ?? "";
      if (name !== "" && name !== toLimitsName(id))
        throw new InvalidInput([{ field: "limits.name", description: `${show(name)} is not ${toLimitsName(id)}` }]);
      const mayExceed = caller.permissions.has("platform");
      const change = parseLimits({ limits, paths: updateMask?.paths ?? [] }, mayExceed ? undefined : allowed);
      const changed = await changeAudited(parts, {
        ...{ caller, id, method: "intervention.v1.LimitService/UpdateLimits", etag: limits?.etag ?? "" },
        toChange: async (workspaces) => ({ limits: change(workspaces.find(({ _id }) => _id === id)?.limits ?? {}) }),
        toAudited: (document) => toJson(LimitsSchema, toLimits(document)),
      });
      return { limits: toLimits(changed) };
    },
    async listQuotaUse({ parent }, context) {
      const document = await find(parseWorkspaceName(parent, getService(context.values), "parent"));
      const { day, endsAt } = toQuotaDay(now(), document.defaultTimeZone || parts.defaultTimeZone);
      const uses = await Promise.all(
        toQuotas(document.limits).map(async ({ channel, perDay }) => ({
          quota: { channel: fromChannelName(channel), messagesPerDay: BigInt(perDay) },
          used: BigInt(await countQuotaSlots(store, { workspaceId: document._id, channel, day })),
          day,
          resetTime: timestampFromDate(endsAt),
        })),
      );
      return { uses };
    },
  };
}

const toLimitsName = (workspaceId: string) => `${toWorkspaceName(workspaceId)}/limits`;

const toQuotas = (limits: WorkspaceLimits | undefined) =>
  OUTSIDE_CHANNELS.flatMap((channel) => {
    const perDay = limits?.quotas?.[channel];
    return perDay === undefined ? [] : [{ channel, perDay }];
  });

const toCallLimit = ({ ratePerS, burst }: RateLimit): CallLimit =>
  create(CallLimitSchema, { callsPerSecond: ratePerS, burst });

function toLimits(document: WorkspaceDocument): Limits {
  const { key, workspace } = document.limits ?? {};
  return create(LimitsSchema, {
    name: toLimitsName(document._id),
    etag: toEtag(document),
    ...(key === undefined ? {} : { key: toCallLimit(key) }),
    ...(workspace === undefined ? {} : { workspace: toCallLimit(workspace) }),
    quotas: toQuotas(document.limits).map(({ channel, perDay }) => ({
      channel: fromChannelName(channel),
      messagesPerDay: BigInt(perDay),
    })),
  });
}
