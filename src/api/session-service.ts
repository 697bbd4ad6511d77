import { durationMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { SessionService } from "../../gen/intervention/v1/session_service_pb.js";
import { NotFound } from "../domain/errors.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { getService } from "./authenticate.ts";
import { checked, durationBetween, parseFields } from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";

const TTL_MS_DEFAULT = 3_600_000;

const tokenSchema = z.object({
  userId: checked(...USER_ID),
  ttl: checked(durationBetween({ minS: 10, maxS: 86_400, allowed: "10 s to 24 h" })).optional(),
});

/** Mints the tokens that users' browsers and apps connect with. */
export function sessionService({
  access,
}: {
  readonly access: Pick<AccessDirectory, "mintUserToken">;
}): ServiceImpl<typeof SessionService> {
  return {
    createToken(request, context) {
      const { workspace } = getService(context.values);
      const { userId, ttl } = parseFields(tokenSchema, request);
      const minted = access.mintUserToken({
        workspaceId: workspace.id,
        userId,
        ttlMs: ttl === undefined ? TTL_MS_DEFAULT : durationMs(ttl),
      });
      if (minted === undefined) throw new NotFound("workspace", workspace.id);
      return { token: minted.token, expireTime: timestampFromDate(minted.expiresAt) };
    },
  };
}
