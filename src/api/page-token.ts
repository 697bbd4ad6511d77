import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { InvalidInput } from "../domain/errors.ts";
import { show } from "./field-checks.ts";

/** Everything but the position that a page depends on: another value on the next page would make it another list. */
export type PageScope = readonly (string | boolean)[];

/** Where the next page begins, in a form that callers have no reason to look into (AIP-158). It is not secret: what it says is
 *  only used within the caller's own workspace. */
export function toPageToken(position: readonly (string | number)[], scope: PageScope): string {
  return Buffer.from(JSON.stringify([hashScope(scope), ...position])).toString("base64url");
}

/** Reads a position back; undefined for the first page.
 *  @throws InvalidInput when it is no token of ours, or one of another list. */
export function parsePageToken<T>(token: string, scope: PageScope, position: z.ZodType<T>): T | undefined {
  if (token === "") return undefined;
  const parsed = z
    .tuple([z.string()], z.unknown())
    .safeParse(parseJson(Buffer.from(token, "base64url").toString("utf8")));
  if (!parsed.success) throw refuse(token, "is not a page token of this engine");
  const [hash, ...rest] = parsed.data;
  if (hash !== hashScope(scope))
    throw refuse(token, "belongs to another list: all but page_size must stay the same from page to page");
  const result = position.safeParse(rest);
  if (!result.success) throw refuse(token, "is not a page token of this list");
  return result.data;
}

/** The number of items on a page.
 *  @throws InvalidInput when it is out of bounds; 0 stands for the default. */
export function parsePageSize(pageSize: number, bounds: { readonly fallback: number; readonly max: number }): number {
  if (pageSize === 0) return bounds.fallback;
  if (pageSize >= 1 && pageSize <= bounds.max) return pageSize;
  throw new InvalidInput([{ field: "page_size", description: `${pageSize} is not in 1-${bounds.max}` }]);
}

const hashScope = (scope: PageScope) =>
  createHash("sha256").update(JSON.stringify(scope)).digest("base64url").slice(0, 11);

const refuse = (token: string, why: string) =>
  new InvalidInput([{ field: "page_token", description: `${show(token)} ${why}` }]);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Undefined is no JSON value: the caller reads it as "not a token".
    return undefined;
  }
}
