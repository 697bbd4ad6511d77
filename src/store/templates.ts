import { randomUUID } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Binary, type ClientSession } from "mongodb";
import {
  type Template,
  type TemplateContent,
  TemplateContentSchema,
  TemplateSchema,
  type TemplateVersion,
  TemplateVersionSchema,
} from "../../gen/intervention/v1/template_pb.js";
import { StaleEtag } from "../domain/errors.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One template as it is now. */
export type TemplateDocument = {
  /** `{workspace}/{template}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly templateId: string;
  /** `toPosition` of the time it was made and its id: what lists are ordered by. */
  readonly position: string;
  /** Another one with each change. */
  readonly etag: string;
  /** Template, without etag and draft. */
  readonly template: Binary;
  /** TemplateContent. */
  readonly draft: Binary;
};

/** One version, for good. */
export type TemplateVersionDocument = {
  /** `{workspace}/{template}/{version}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly templateId: string;
  readonly version: number;
  /** TemplateVersion, without contents. */
  readonly head: Binary;
  /** TemplateContent, as its authors wrote it. */
  readonly content: Binary;
  /** TemplateContent, ready to be rendered. */
  readonly compiled: Binary;
};

export const templateIndexes = [
  { name: "by_position", key: { workspaceId: 1, position: -1 } },
] as const satisfies readonly IndexDefinition[];

export const templateVersionIndexes = [
  { name: "by_version", key: { workspaceId: 1, templateId: 1, version: -1 } },
] as const satisfies readonly IndexDefinition[];

const templateDocumentId = (workspaceId: string, templateId: string) => `${workspaceId}/${templateId}`;

const toId = ({ workspaceId, templateId, version }: Key & { readonly version: number }) =>
  `${templateDocumentId(workspaceId, templateId)}/${version}`;

type Key = { readonly workspaceId: string; readonly templateId: string };

/** The template as callers see it; without a draft where none was read. */
function toTemplate({
  template,
  draft,
  etag,
}: Pick<TemplateDocument, "template" | "etag"> & { readonly draft?: Binary }): Template {
  const message = fromBinary(TemplateSchema, template.value());
  message.etag = etag;
  if (draft !== undefined) message.draft = fromBinary(TemplateContentSchema, draft.value());
  return message;
}

const toBodies = ({ draft, ...template }: Template) => ({
  template: new Binary(toBinary(TemplateSchema, create(TemplateSchema, { ...template, etag: "" }))),
  draft: new Binary(toBinary(TemplateContentSchema, draft ?? create(TemplateContentSchema))),
});

/** Makes a template.
 *  @returns false when its id is taken. */
export async function insertTemplate(
  store: Store,
  { template, ...key }: Key & { readonly position: string; readonly template: Template },
): Promise<boolean> {
  const _id = templateDocumentId(key.workspaceId, key.templateId);
  const document = { ...key, ...toBodies(template), _id, etag: randomUUID() };
  return (await insertNew(store.templates, [document])).length === 0;
}

export async function findTemplate(
  store: Store,
  { workspaceId, templateId }: Key,
  session?: ClientSession,
): Promise<Template | undefined> {
  const _id = templateDocumentId(workspaceId, templateId);
  const found = await onStore(() => store.templates.findOne({ _id }, { ...(session && { session }) }));
  return found === null ? undefined : toTemplate(found);
}

/** The template without its draft. */
export async function findTemplateHead(store: Store, { workspaceId, templateId }: Key): Promise<Template | undefined> {
  const _id = templateDocumentId(workspaceId, templateId);
  const found = await onStore(() => store.templates.findOne({ _id }, { projection: { draft: 0 } }));
  return found === null ? undefined : toTemplate({ template: found.template, etag: found.etag });
}

/** Puts a template in the place of one that was read in the same transaction.
 *  @throws StaleEtag when another came first. */
export async function replaceTemplate(
  store: Store,
  { workspaceId, templateId, before, template }: Key & { readonly before: Template; readonly template: Template },
  session: ClientSession,
): Promise<Template> {
  const etag = randomUUID();
  const bodies = toBodies(template);
  const _id = templateDocumentId(workspaceId, templateId);
  const found = await onStore(() => store.templates.findOne({ _id }, { session, projection: { etag: 1 } }));
  if (found?.etag !== before.etag) throw new StaleEtag(before.name);
  await onStore(() => store.templates.updateOne({ _id }, { $set: { ...bodies, etag } }, { session }));
  return toTemplate({ ...bodies, etag });
}

/** A page, newest first, without drafts. A workspace's templates are few enough to be sorted. */
export async function listTemplates(
  store: Store,
  options: { readonly workspaceId: string; readonly before?: string; readonly limit: number },
): Promise<{ readonly position: string; readonly template: Template }[]> {
  // Positions begin with a digit.
  const filter = { workspaceId: options.workspaceId, position: { $lt: options.before ?? ":" } };
  const found = await onStore(() =>
    store.templates
      .find(filter, { projection: { draft: 0 } })
      .sort({ position: -1 })
      .limit(options.limit)
      .toArray(),
  );
  return found.map((document) => ({
    position: document.position,
    template: toTemplate({ template: document.template, etag: document.etag }),
  }));
}

/** Adds a version, as part of a transaction. */
export async function insertTemplateVersion(
  store: Store,
  { workspaceId, templateId, version }: Key & { readonly version: TemplateVersion },
  session: ClientSession,
): Promise<void> {
  const { content, compiled, ...head } = version;
  const bytes = (message: TemplateContent | undefined) =>
    new Binary(toBinary(TemplateContentSchema, message ?? create(TemplateContentSchema)));
  const document = {
    _id: toId({ workspaceId, templateId, version: version.version }),
    ...{ workspaceId, templateId, version: version.version },
    head: new Binary(toBinary(TemplateVersionSchema, create(TemplateVersionSchema, head))),
    content: bytes(content),
    compiled: bytes(compiled),
  };
  await onStore(() => store.templateVersions.insertOne(document, { session }));
}

export async function findTemplateVersion(
  store: Store,
  key: Key & { readonly version: number },
): Promise<TemplateVersion | undefined> {
  const found = await onStore(() => store.templateVersions.findOne({ _id: toId(key) }));
  if (found === null) return undefined;
  return create(TemplateVersionSchema, {
    ...fromBinary(TemplateVersionSchema, found.head.value()),
    content: fromBinary(TemplateContentSchema, found.content.value()),
    compiled: fromBinary(TemplateContentSchema, found.compiled.value()),
  });
}

/** A page, newest first, without contents. */
export async function listTemplateVersions(
  store: Store,
  options: Key & { readonly below: number; readonly limit: number },
): Promise<TemplateVersion[]> {
  const { workspaceId, templateId, below, limit } = options;
  // Versions have no gaps, so that a page is a span of them, and no more is sorted than is returned.
  const filter = { workspaceId, templateId, version: { $lt: below, $gte: below - limit } };
  const found = await onStore(() =>
    store.templateVersions
      .find(filter, { projection: { head: 1 } })
      .sort({ version: -1 })
      .limit(limit)
      .toArray(),
  );
  return found.map(({ head }) => fromBinary(TemplateVersionSchema, head.value()));
}
