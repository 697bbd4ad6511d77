import { randomBytes } from "node:crypto";
import { clone, create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { type TemplateContent, TemplateContentSchema, TemplateState } from "../../gen/intervention/v1/template_pb.js";
import { DiffLine_Side, type TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { InvalidInput, StaleEtag } from "../domain/errors.ts";
import { diffContents } from "../domain/template/index.ts";
import { listTemplates, listTemplateVersions } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, orEmpty, parseBoth, parseFields, show, text, withoutControlCharacters } from "./field-checks.ts";
import { readNewestFirst } from "./newest-first.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { checkDraft } from "./parse-template.ts";
import { requireParent } from "./resource-name.ts";
import { codeMethods } from "./template-codes.ts";
import { requireNotArchived, TemplateKeeper } from "./template-keeper.ts";
import { isTemplateId, parseTemplateName } from "./template-name.ts";
import { preview } from "./template-preview.ts";
import { type SendTestParts, sendTestMethod } from "./template-send-test.ts";
import { suiteMethods } from "./template-suites.ts";
import { addVersion, buildDraft, publishDraft, toHead } from "./template-versions.ts";

const PAGE_SIZE = { fallback: 50, max: 1_000 };
const ID_BYTES = 8;
const versionPositionSchema = z.tuple([z.number().int().min(1)]);
const DISPLAY_NAME = text({ min: 1, max: 200 });
const newSchema = z.object({ displayName: checked(DISPLAY_NAME, withoutControlCharacters) });
const changedSchema = z.object({ displayName: checked(orEmpty(DISPLAY_NAME), withoutControlCharacters) });

/** Keeps templates, publishes them, and shows what they come to. */
export function templateService(parts: SendTestParts): ServiceImpl<typeof TemplateService> {
  const { now, store } = parts;
  const keeper = new TemplateKeeper(parts);
  return {
    ...codeMethods(parts),
    ...sendTestMethod(parts, keeper),
    ...suiteMethods(parts, keeper),
    previewTemplate: (request, context) =>
      preview(parts, { keeper, workspace: getService(context.values).workspace }, request),
    async createTemplate({ parent, templateId, displayName: name, draft = create(TemplateContentSchema) }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const [id, { displayName }] = parseBoth(
        () => parseId(templateId),
        () => parseDraft(newSchema, { displayName: name, draft }),
      );
      return { template: await keeper.add({ workspaceId: workspace.id, templateId: id }, { displayName, draft }) };
    },
    async getTemplate({ name }, context) {
      return { template: await keeper.get(toKey(name, getService(context.values).workspace.id)) };
    },
    async listTemplates(request, context) {
      const { page, nextPageToken } = await readNewestFirst("templates", request, context, (span) =>
        listTemplates(store, span),
      );
      return { templates: page.map(({ template }) => template), nextPageToken };
    },
    async updateDraft({ name, etag, draft = create(TemplateContentSchema), displayName: called }, context) {
      const key = toKey(name, getService(context.values).workspace.id);
      const { displayName } = parseDraft(changedSchema, { displayName: called, draft });
      const { template } = await keeper.change(key, {
        etag,
        edit(current) {
          current.draft = draft;
          current.displayName = displayName || current.displayName;
          return undefined;
        },
      });
      return { template };
    },
    async publishTemplate({ name, etag, validateOnly }, context) {
      const key = toKey(name, getService(context.values).workspace.id);
      const found = await keeper.get(key);
      requireNotArchived(found);
      if (etag !== "" && etag !== found.etag) throw new StaleEtag(found.name);
      if (validateOnly) {
        await buildDraft(store, key, found.draft ?? create(TemplateContentSchema));
        return { template: found };
      }
      const { template, version } = await publishDraft({ keeper, store, now }, key, found);
      return { template, ...(version && { version: toHead(version) }) };
    },
    async rollbackTemplate({ name, etag, version: wanted }, context) {
      const key = toKey(name, getService(context.values).workspace.id);
      const { content, compiled } = await keeper.getVersion({ ...key, version: wanted });
      const { template, version } = await keeper.change(key, {
        etag,
        edit: (current) =>
          addVersion(current, {
            ...{ restoredFrom: wanted, at: now() },
            content: content && clone(TemplateContentSchema, content),
            compiled: compiled && clone(TemplateContentSchema, compiled),
          }),
      });
      return { template, ...(version && { version: toHead(version) }) };
    },
    async archiveTemplate({ name }, context) {
      const key = toKey(name, getService(context.values).workspace.id);
      const found = await keeper.get(key);
      if (found.state === TemplateState.ARCHIVED) return { template: found };
      const { template } = await keeper.change(key, {
        etag: "",
        edit(current) {
          current.state = TemplateState.ARCHIVED;
          return undefined;
        },
      });
      return { template };
    },
    async getTemplateVersion({ name, version }, context) {
      const key = toKey(name, getService(context.values).workspace.id);
      const wanted = version || (await keeper.get(key)).version;
      return { version: await keeper.getVersion({ ...key, version: wanted }) };
    },
    async listTemplateVersions({ name, pageSize, pageToken }, context) {
      const key = toKey(name, getService(context.values).workspace.id);
      const size = parsePageSize(pageSize, PAGE_SIZE);
      const scope = ["template versions", key.workspaceId, key.templateId];
      const position = parsePageToken(pageToken, scope, versionPositionSchema);
      const below = position?.[0] ?? (await keeper.get(key)).latestVersion + 1;
      const versions = await listTemplateVersions(store, { ...key, below, limit: size });
      const last = versions.at(-1)?.version ?? 1;
      return { versions, nextPageToken: last > 1 ? toPageToken([last], scope) : "" };
    },
    async diffVersions({ name, from, to }, context) {
      const key = toKey(name, getService(context.values).workspace.id);
      const [before, after] = await Promise.all([from, to].map((version) => contentOf(version)));
      const fields = diffContents(before ?? create(TemplateContentSchema), after ?? create(TemplateContentSchema));
      return {
        fields: fields.map(({ field, lines }) => ({
          field,
          lines: lines.map(({ text: line, from: fromLine = 0, to: toLine = 0 }) => ({
            ...{ text: line, fromLine, toLine },
            side: fromLine === 0 ? DiffLine_Side.TO : toLine === 0 ? DiffLine_Side.FROM : DiffLine_Side.BOTH,
          })),
        })),
      };

      async function contentOf(version: number): Promise<TemplateContent | undefined> {
        return version === 0 ? (await keeper.get(key)).draft : (await keeper.getVersion({ ...key, version })).content;
      }
    },
  };
}

const toKey = (name: string, workspaceId: string) => ({
  workspaceId,
  templateId: parseTemplateName(name, workspaceId),
});

function parseDraft<T>(schema: z.ZodType<T>, given: { readonly displayName: string; readonly draft: TemplateContent }) {
  const [fields] = parseBoth(
    () => parseFields(schema, given),
    () => checkDraft(given.draft),
  );
  return fields;
}

/** @throws InvalidInput */
function parseId(given: string): string {
  const id = given || randomBytes(ID_BYTES).toString("hex");
  if (isTemplateId(id)) return id;
  const description = `${show(id)} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit`;
  throw new InvalidInput([{ field: "template_id", description }]);
}
