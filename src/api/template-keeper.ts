import { clone, create, equals } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Template,
  type TemplateContent,
  TemplateContentSchema,
  TemplateSchema,
  TemplateState,
  type TemplateVersion,
} from "../../gen/intervention/v1/template_pb.js";
import { AlreadyExists, NotAllowedNow, NotFound, StaleEtag } from "../domain/errors.ts";
import {
  findTemplate,
  findTemplateVersion,
  insertTemplate,
  insertTemplateVersion,
  inTransaction,
  replaceTemplate,
  type Store,
  toPosition,
} from "../store/index.ts";
import { toTemplateName } from "./template-name.ts";

/** What keeping templates stands on. */
export type TemplateKeeperParts = { readonly store: Store; readonly now: () => Date };

type Key = { readonly workspaceId: string; readonly templateId: string };

/** Keeps templates and the versions that were published of them. */
export class TemplateKeeper {
  readonly #parts: TemplateKeeperParts;

  constructor(parts: TemplateKeeperParts) {
    this.#parts = parts;
  }

  /** @throws NotFound when this workspace has no such template. */
  async get(key: Key): Promise<Template> {
    const found = await findTemplate(this.#parts.store, key);
    if (found === undefined) throw new NotFound("template", key.templateId);
    return found;
  }

  /** @throws NotFound when there is no such template or version. */
  async getVersion(key: Key & { readonly version: number }): Promise<TemplateVersion> {
    const found = await findTemplateVersion(this.#parts.store, key);
    if (found !== undefined) return found;
    await this.get(key);
    throw new NotFound("template version", `${key.templateId}/versions/${key.version}`);
  }

  /** Makes a template; one that is there already, with the same to say, is returned as it is.
   *  @throws AlreadyExists when another has its id. */
  async add(key: Key, given: { readonly displayName: string; readonly draft: TemplateContent }): Promise<Template> {
    const { now, store } = this.#parts;
    const at = now();
    const template = create(TemplateSchema, {
      ...{ name: toTemplateName(key.workspaceId, key.templateId), templateId: key.templateId },
      ...{ state: TemplateState.DRAFT, createTime: timestampFromDate(at), updateTime: timestampFromDate(at) },
      ...given,
    });
    const isNew = await insertTemplate(store, { ...key, position: toPosition(at, key.templateId), template });
    const found = await this.get(key);
    const isSame =
      found.displayName === given.displayName &&
      found.draft !== undefined &&
      equals(TemplateContentSchema, found.draft, given.draft);
    if (!isNew && !isSame) throw new AlreadyExists("template", key.templateId);
    return found;
  }

  /** Changes a template, and adds a version if the change makes one; both or neither.
   *  @param options.etag which it must have; empty for any.
   *  @param edit may throw; nothing is changed then.
   *  @throws NotFound, StaleEtag, NotAllowedNow when it is archived. */
  change(
    key: Key,
    { etag, edit }: { readonly etag: string; readonly edit: (template: Template) => TemplateVersion | undefined },
  ): Promise<{ readonly template: Template; readonly version: TemplateVersion | undefined }> {
    const { now, store } = this.#parts;
    return inTransaction(store, async (session) => {
      const before = await findTemplate(store, key, session);
      if (before === undefined) throw new NotFound("template", key.templateId);
      if (etag !== "" && etag !== before.etag) throw new StaleEtag(before.name);
      requireNotArchived(before);
      const template = clone(TemplateSchema, before);
      const version = edit(template);
      if (equals(TemplateSchema, before, template)) return { template: before, version };
      template.updateTime = timestampFromDate(now());
      if (version !== undefined) await insertTemplateVersion(store, { ...key, version }, session);
      return { template: await replaceTemplate(store, { ...key, before, template }, session), version };
    });
  }
}

/** @throws NotAllowedNow */
export function requireNotArchived({ state, templateId }: Template): void {
  if (state === TemplateState.ARCHIVED)
    throw new NotAllowedNow("TEMPLATE_STATE", templateId, "the template is archived, which is for ever");
}
