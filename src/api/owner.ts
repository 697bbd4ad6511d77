import type { HandlerContext } from "@connectrpc/connect";
import { z } from "zod";
import { PermissionDenied } from "../domain/errors.ts";
import { getCaller } from "./authenticate.ts";
import { checked, parseFields } from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";

/** The user whose things a call is about. */
export type Owner = { readonly workspaceId: string; readonly userId: string };

const userSchema = z.object({ userId: checked(...USER_ID) });

/** Whose things are meant: a user's token opens that user's own, an API key any in its workspace. */
export function toOwner(userId: string, context: HandlerContext): Owner {
  const caller = getCaller(context.values);
  const workspaceId = caller.workspace.id;
  if (caller.kind === "service") return { workspaceId, ...parseFields(userSchema, { userId }) };
  if (userId !== "" && userId !== caller.userId)
    throw new PermissionDenied("a user's token opens what is that user's own only: leave user_id empty");
  return { workspaceId, userId: caller.userId };
}
