import { create, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  type Template,
  type TemplateContent,
  TemplateContentSchema,
  TemplateState,
} from "../../gen/intervention/v1/template_pb.js";
import { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { findNamedTemplates } from "../domain/template/index.ts";
import { type Engine, isObject, type Kind, listAll, toPlace } from "./kind.ts";
import { type Kept, Refused } from "./thing.ts";

const FIELDS = ["displayName", "published", "content"];

type Authored = {
  readonly displayName: string;
  readonly published: boolean;
  readonly content: TemplateContent;
};

/** Templates as they are in use; of one that was never published, its draft. */
export function templateKind(engine: Engine): Kind {
  const client = createClient(TemplateService, engine.transport);

  async function toKept({ name, templateId: id, etag, displayName, state, version, draft }: Template): Promise<Kept> {
    const published = version > 0;
    const inUse = published ? (await client.getTemplateVersion({ name, version })).version?.content : draft;
    const content = toContent({ displayName, published, content: inUse ?? create(TemplateContentSchema) });
    const isOver = state === TemplateState.ARCHIVED;
    return { folder: "templates", id, etag, place: toPlace(engine, name), content, isOver };
  }

  async function get(name: string): Promise<Template> {
    const { template } = await client.getTemplate({ name });
    if (template === undefined) throw new Refused("the engine answered without a template");
    return template;
  }

  /** Publishes the draft that was put there under this etag, if the file wants that. */
  async function finish(template: Template | undefined, { published }: Authored): Promise<Kept> {
    if (template === undefined) throw new Refused("the engine answered without a template");
    const { name, etag } = template;
    if (published) await client.publishTemplate({ name, etag });
    return toKept(await get(name));
  }

  return {
    folder: "templates",
    parse: (content) => toContent(parse(content)),
    listUsed: (content) => findNamedTemplates([JSON.stringify(content).replaceAll('\\"', '"')]),
    async list() {
      const all = await listAll(async (pageToken) => {
        const { templates: items, nextPageToken } = await client.listTemplates({ pageToken });
        return { items, nextPageToken };
      });
      const kept: Kept[] = [];
      for (const { name } of all) kept.push(await toKept(await get(name)));
      return kept;
    },
    async create({ id, content }) {
      const authored = parse(content);
      const { displayName, content: draft } = authored;
      return finish((await client.createTemplate({ templateId: id, displayName, draft })).template, authored);
    },
    async update({ id, content }, { content: before, etag }) {
      const authored = parse(content);
      if (!authored.published && before.published === true)
        throw new Refused(
          "it is published in the workspace, and can't be made a draft again: archive it, and make another",
        );
      const { displayName, content: draft } = authored;
      return finish((await client.updateDraft({ name: id, etag, displayName, draft })).template, authored);
    },
  };
}

function parse(given: JsonValue): Authored {
  if (!isObject(given)) throw new Error("it is not an object");
  const unknown = Object.keys(given).filter((field) => !FIELDS.includes(field));
  if (unknown.length > 0) throw new Error(`it has ${unknown.join(", ")}; a template has ${FIELDS.join(", ")}`);
  const { displayName = "", published = false, content = {} } = given;
  if (typeof displayName !== "string") throw new Error("displayName is not a text");
  if (typeof published !== "boolean") throw new Error("published is not true or false");
  return { displayName, published, content: fromJson(TemplateContentSchema, content) };
}

const toContent = ({ displayName, published, content }: Authored): JsonObject => ({
  displayName,
  published,
  content: toJson(TemplateContentSchema, content),
});
