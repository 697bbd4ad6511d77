import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type Erasure,
  ErasureSchema,
  type PrivacyService,
  type Retention,
  RetentionSchema,
} from "../../gen/intervention/v1/privacy_service_pb.js";
import type { Bus } from "../bus/index.ts";
import { NotFound, Unavailable } from "../domain/errors.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { toCertificateKey, toErasureId } from "../privacy/certificate.ts";
import { exportUser } from "../privacy/export-user.ts";
import { findIdentity } from "../privacy/find-identity.ts";
import { changeRule, listRules, type RetentionRule } from "../privacy/retention.ts";
import { type ErasureDocument, findErasure, requestErasure, type Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields } from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";

/** What privacy works with. */
export type PrivacyParts = { readonly store: Store; readonly bus: Bus; readonly now: () => Date };

const userSchema = z.object({ userId: checked(...USER_ID) });

/** What a shopper may ask for. */
export function privacyService({ store, bus, now }: PrivacyParts): ServiceImpl<typeof PrivacyService> {
  return {
    async *exportUser(request, context) {
      const { workspace } = getService(context.values);
      const { userId } = parseFields(userSchema, request);
      const identity = await findIdentity(store, workspace.id, userId);
      for await (const data of exportUser({ bus, store }, identity, now())) yield { data };
    },
    async eraseUser(request, context) {
      const { workspace } = getService(context.values);
      const { userId } = parseFields(userSchema, request);
      const { userIds } = await findIdentity(store, workspace.id, userId);
      const at = now();
      // The one asked for last: should it break off, asking again finds the others by it still.
      const erasures: ErasureDocument[] = [];
      for (const one of userIds.toReversed()) {
        const id = toErasureId(workspace, one);
        const erasure = await requestErasure(store, { id, workspaceId: workspace.id, userId: one, now: at });
        if (erasure === undefined) throw new Unavailable("store");
        erasures.unshift(erasure);
        // Whoever keeps something of him in memory need not wait to read it.
        bus.nc.publish(bus.subjects.erased(workspace.id), one);
      }
      const [erasure, ...others] = erasures.map((one) => toErasure(workspace, one));
      return { ...(erasure === undefined ? {} : { erasure }), others };
    },
    async getErasure({ erasureId }, context) {
      const { workspace } = getService(context.values);
      const erasure = await findErasure(store, workspace.id, erasureId);
      if (erasure === undefined) throw new NotFound("erasure", erasureId);
      return { erasure: toErasure(workspace, erasure) };
    },
    async listRetention(_request, context) {
      const { workspace } = getService(context.values);
      return { retentions: (await listRules(store, workspace.id)).map(toRetention) };
    },
    async setRetention({ kind, days }, context) {
      const { workspace } = getService(context.values);
      return { retention: toRetention(await changeRule(store, { workspaceId: workspace.id, kind, days })) };
    },
  };
}

function toErasure(workspace: Workspace, erasure: ErasureDocument): Erasure {
  const { certificate, state } = erasure;
  const counts = Object.entries(erasure.counts).map(([name, erased]) => {
    const [part = "", ...rest] = name.split("/");
    return { part, name: rest.join("/"), erased: BigInt(erased) };
  });
  return create(ErasureSchema, {
    erasureId: erasure._id,
    isDone: state === "done",
    requestTime: timestampFromDate(erasure.erasedAt),
    counts,
    ...(certificate === undefined || state === "open"
      ? {}
      : {
          certificate: {
            statement: new Uint8Array(certificate.statement.value()),
            signature: new Uint8Array(certificate.signature.value()),
            publicKey: toCertificateKey(workspace),
            completeTime: timestampFromDate(certificate.completedAt),
          },
        }),
  });
}

function toRetention({ kind, days, timeField, archivedAs }: RetentionRule): Retention {
  const start =
    archivedAs === undefined ? "when its intervention was accepted" : "the end of the UTC day it happened on";
  const countedFrom = timeField === undefined ? start : `its \`${timeField}\``;
  return create(RetentionSchema, { kind, days, countedFrom });
}
