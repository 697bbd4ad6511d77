import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { NotAllowedNow, NotFound } from "../domain/errors.ts";
import { addCodes, countDraws, findCodePool, type Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { type Check, checked, parseFields, show, text, withoutControlCharacters } from "./field-checks.ts";
import { isTemplateId } from "./template-name.ts";

const CODES_MAX = 10_000;
const POOL_SIZE_MAX = 1_000_000;

const poolId: Check<string> = (id) =>
  isTemplateId(id) ? undefined : `${show(id)} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit`;
const withoutBlanks: Check<string> = (code) => (/\s/.test(code) ? `${show(code)} has a blank` : undefined);
const addSchema = z.object({
  pool: checked(poolId),
  codes: checked<string[]>((codes) =>
    codes.length >= 1 && codes.length <= CODES_MAX
      ? undefined
      : `there are ${codes.length}; 1 to ${CODES_MAX} are allowed`,
  ).pipe(z.array(checked(text({ min: 1, max: 64 }), withoutBlanks, withoutControlCharacters))),
});

/** Pools of codes, of which each user and intervention gets one. */
export function codeMethods({
  store,
}: {
  readonly store: Store;
}): Pick<ServiceImpl<typeof TemplateService>, "addCodes" | "getCodePool"> {
  return {
    async addCodes(request, context) {
      const { workspace } = getService(context.values);
      const { pool, codes } = parseFields(addSchema, request);
      const scope = { workspaceId: workspace.id, pool };
      const done = await addCodes(store, scope, codes, POOL_SIZE_MAX);
      if (done === undefined)
        throw new NotAllowedNow("CODES", pool, `the pool would have more than ${POOL_SIZE_MAX} codes`);
      return { added: done.added, pool: { pool, size: done.size, drawn: await countDraws(store, scope) } };
    },
    async getCodePool({ pool }, context) {
      const { workspace } = getService(context.values);
      const scope = { workspaceId: workspace.id, pool };
      const found = isTemplateId(pool) ? await findCodePool(store, scope) : undefined;
      if (found === undefined) throw new NotFound("code pool", pool);
      return { pool: { pool, size: found.size, drawn: await countDraws(store, scope) } };
    },
  };
}
