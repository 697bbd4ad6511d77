import type { HandlerContext } from "@connectrpc/connect";
import { z } from "zod";
import { getService } from "./authenticate.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { requireParent } from "./resource-name.ts";

const PAGE_SIZE = { fallback: 50, max: 1_000 };
const positionSchema = z.tuple([z.string().regex(/^\d{15}-/)]);

type ListRequest = { readonly parent: string; readonly pageSize: number; readonly pageToken: string };
type Span = { readonly workspaceId: string; readonly before?: string; readonly limit: number };

/** A page of a workspace's things of one kind, newest first. One more is read than is wanted, which tells whether there is another page.
 *  @param kind keeps page tokens of one list from another.
 *  @throws InvalidInput */
export async function readNewestFirst<T extends { readonly position: string }>(
  kind: string,
  { parent, pageSize, pageToken }: ListRequest,
  { values }: Pick<HandlerContext, "values">,
  read: (span: Span) => Promise<readonly T[]>,
): Promise<{ readonly page: readonly T[]; readonly nextPageToken: string }> {
  const { workspace } = getService(values);
  requireParent(parent, workspace.id);
  const limit = parsePageSize(pageSize, PAGE_SIZE);
  const scope = [kind, workspace.id];
  const position = parsePageToken(pageToken, scope, positionSchema);
  const found = await read({
    workspaceId: workspace.id,
    ...(position === undefined ? {} : { before: position[0] }),
    limit: limit + 1,
  });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const isMore = found.length > limit && last !== undefined;
  return { page, nextPageToken: isMore ? toPageToken([last.position], scope) : "" };
}
