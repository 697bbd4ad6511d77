import { create, type JsonObject } from "@bufbuild/protobuf";
import { z } from "zod";
import { type PredictionKind, PredictionKindSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { type TemplateContent, TemplateContentSchema } from "../../gen/intervention/v1/template_pb.js";
import type { ProfileFacts } from "../domain/condition/field.ts";
import {
  compileTemplate,
  fillVariables,
  renderTemplate,
  type TemplateFacts,
  toCodePools,
} from "../domain/template/index.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { findTemplateProducts } from "../integrations/template-products.ts";
import { findNewestPrediction, type Store } from "../store/index.ts";
import type { EventServiceParts } from "./event-service.ts";
import { checked, jsonUpTo, locale, memberOf, orEmpty, parseFields, timeZone } from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";
import type { TemplateKeeper } from "./template-keeper.ts";
import { parseTemplateName } from "./template-name.ts";
import { buildDraft } from "./template-versions.ts";
import { toRenderedMessage } from "./to-rendered-message.ts";

/** What previews look things up in. */
export type TemplatePreviewParts = {
  readonly store: Store;
  readonly now: () => Date;
  readonly findContext: EventServiceParts["findContext"];
  readonly findProfile: (workspaceId: string, userId: string) => Promise<ProfileFacts | undefined>;
  readonly defaultTimeZone: string;
  /** Where a user says what he wants to get; undefined where nobody knows how this engine is reached. */
  readonly toPreferenceUrl?: ((workspaceId: string, userId: string) => string | undefined) | undefined;
};

const VARIABLES_BYTES_MAX = 262_144;
/** What stands in a preview where a code would be drawn. */
const EXAMPLE_CODE = "EXAMPLE-CODE";

const previewSchema = z.object({
  variables: checked<JsonObject>(jsonUpTo(VARIABLES_BYTES_MAX)).optional(),
  userId: checked(...USER_ID.map(orEmpty)),
  prediction: checked<PredictionKind>(memberOf(PredictionKindSchema, { allowUnspecified: true })),
  locale: checked(orEmpty(locale)),
  timeZone: checked(orEmpty(timeZone)),
});

/** What a preview and a test ask for alike. */
type PreviewRequest = z.input<typeof previewSchema> & { readonly name: string; readonly version: number };

/** Renders a draft or a version with what is known of a user, or of nobody.
 *  @throws InvalidInput, NotFound. */
export async function preview(
  parts: TemplatePreviewParts,
  { keeper, workspace }: { readonly keeper: TemplateKeeper; readonly workspace: Workspace },
  request: PreviewRequest,
) {
  const templateId = parseTemplateName(request.name, workspace.id);
  const { variables: given = {}, ...asked } = parseFields(previewSchema, request);
  const template = compileTemplate(
    await findContent(parts.store, keeper, { workspaceId: workspace.id, templateId, version: request.version }),
  );
  const facts = await findFacts(parts, workspace, asked);
  const codes = new Map([...toCodePools(template.variables, given)].map((pool) => [pool, EXAMPLE_CODE]));
  const variables = fillVariables(template.variables, { given, facts, codes });
  const { warnings, ...rendered } = renderTemplate(template, {
    variables,
    locale: asked.locale || facts.profile?.locale || "",
    timeZone: asked.timeZone || facts.profile?.timeZone || workspace.defaultTimeZone || parts.defaultTimeZone,
  });
  return { message: toRenderedMessage(rendered), warnings: [...warnings], variables };
}

/** Ready to be rendered. @param key.version 0: the draft. */
async function findContent(
  store: Store,
  keeper: TemplateKeeper,
  key: { readonly workspaceId: string; readonly templateId: string; readonly version: number },
): Promise<TemplateContent> {
  const nothing = create(TemplateContentSchema);
  if (key.version === 0) return buildDraft(store, key, (await keeper.get(key)).draft ?? nothing);
  return (await keeper.getVersion(key)).compiled ?? nothing;
}

async function findFacts(
  { store, findContext, findProfile, toPreferenceUrl, now }: TemplatePreviewParts,
  workspace: Workspace,
  { userId, prediction: kind }: { readonly userId: string; readonly prediction: PredictionKind },
): Promise<TemplateFacts> {
  if (userId === "") return { now: now() };
  const [context, profile, prediction] = await Promise.all([
    findContext(workspace.id, userId),
    findProfile(workspace.id, userId),
    kind === 0 ? undefined : findNewestPrediction(store, { workspaceId: workspace.id, userId, kind, now: now() }),
  ]);
  const links = { preferences: toPreferenceUrl?.(workspace.id, userId) };
  const known = { now: now(), context, profile, prediction, links };
  return { ...known, catalog: await findTemplateProducts(store, workspace.id, known) };
}
