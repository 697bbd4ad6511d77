import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Template,
  type TemplateContent,
  TemplateContentSchema,
  TemplateState,
  type TemplateVersion,
  TemplateVersionSchema,
} from "../../gen/intervention/v1/template_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { buildTemplate, findNamedTemplates } from "../domain/template/index.ts";
import { findTemplate, findTemplateVersion, type Store } from "../store/index.ts";
import { compileMjml } from "../templates/compile-mjml.ts";
import { checkDraft, checkFinished } from "./parse-template.ts";
import type { TemplateKeeper } from "./template-keeper.ts";

const SHARED_TEMPLATES_MAX = 20;

/** Makes of a draft what is published of it.
 *  @throws InvalidInput naming all that is wrong with it, by field, line and column. */
export async function buildDraft(store: Store, key: Key, draft: TemplateContent): Promise<TemplateContent> {
  checkDraft(draft);
  checkFinished(draft);
  const shared = await loadShared(store, key, draft);
  return (await buildTemplate(draft, { path: "draft", shared, compileMjml })).content;
}

type Key = { readonly workspaceId: string; readonly templateId: string };
type Piece = { readonly source: string; readonly field: string };

/** The pieces of other templates that a content names, and those that they name, as they are in use now. Its own go by their full
 *  names too, which they need where others include them. */
async function loadShared(
  store: Store,
  { workspaceId, templateId: own }: Key,
  content: TemplateContent,
): Promise<Map<string, Piece>> {
  const shared = new Map<string, Piece>();
  const seen = new Set<string>();
  let open = findNamedTemplates(toSources(content));
  while (open.length > 0) {
    if (seen.size + open.length > SHARED_TEMPLATES_MAX) {
      const description = `it uses pieces of more than ${SHARED_TEMPLATES_MAX} other templates`;
      throw new InvalidInput([{ field: "draft", description }]);
    }
    const found: string[] = [];
    for (const templateId of open) {
      seen.add(templateId);
      const { pieces } = templateId === own ? content : await findInUse(store, { workspaceId, templateId });
      for (const { name, source } of pieces) {
        shared.set(`${templateId}/${name}`, { source, field: `templates/${templateId}.pieces[${name}].source` });
        found.push(source);
      }
    }
    open = findNamedTemplates(found).filter((one) => !seen.has(one));
  }
  return shared;
}

async function findInUse(store: Store, key: Key): Promise<Pick<TemplateContent, "pieces">> {
  const template = await findTemplate(store, key);
  if (template === undefined || template.version === 0) return { pieces: [] };
  return (await findTemplateVersion(store, { ...key, version: template.version }))?.content ?? { pieces: [] };
}

function toSources({ pieces, variants }: TemplateContent): string[] {
  return [
    ...pieces.map(({ source }) => source),
    ...variants.flatMap(({ email, sms, push, realtime }) => [
      ...(email === undefined ? [] : [email.subject, email.mjml, email.html, email.text]),
      sms?.text ?? "",
      ...[push, realtime].flatMap((part) =>
        part === undefined
          ? []
          : [part.title, part.body, ...part.actions.map(({ label }) => label), ...Object.values(part.data)],
      ),
    ]),
  ];
}

/** Publishes the draft of a template as it was read: whoever changes it meanwhile is not published unseen.
 *  @throws InvalidInput when it is broken; StaleEtag when it was changed; NotAllowedNow when it is archived. */
export async function publishDraft(
  { keeper, store, now }: { readonly keeper: TemplateKeeper; readonly store: Store; readonly now: () => Date },
  key: Key,
  { draft: content = create(TemplateContentSchema), etag }: Template,
) {
  const compiled = await buildDraft(store, key, content);
  return keeper.change(key, { etag, edit: (current) => addVersion(current, { content, compiled, at: now() }) });
}

/** Puts the next version in use. */
export function addVersion(
  template: Template,
  made: Pick<TemplateVersion, "content" | "compiled"> & { readonly restoredFrom?: number; readonly at: Date },
): TemplateVersion {
  const version = template.latestVersion + 1;
  template.version = version;
  template.latestVersion = version;
  template.state = TemplateState.PUBLISHED;
  return create(TemplateVersionSchema, {
    ...{ name: `${template.name}/versions/${version}`, version, createTime: timestampFromDate(made.at) },
    restoredFrom: made.restoredFrom ?? 0,
    ...(made.content && { content: made.content }),
    ...(made.compiled && { compiled: made.compiled }),
  });
}

/** Without what can be a megabyte. */
export function toHead({ content: _, compiled: __, ...head }: TemplateVersion): TemplateVersion {
  return create(TemplateVersionSchema, head);
}
