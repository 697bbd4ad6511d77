import { create, equals } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { type TemplateContent, TemplateContentSchema, TemplateState } from "../../gen/intervention/v1/template_pb.js";
import type { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import {
  BrandSchema,
  type InstalledTemplate,
  InstalledTemplate_Outcome,
  InstalledTemplateSchema,
  SuiteSchema,
} from "../../gen/intervention/v1/template_suite_pb.js";
import { AlreadyExists, NotFound, StaleEtag } from "../domain/errors.ts";
import { findTemplate } from "../store/index.ts";
import { LOCALES, loadSuites, type SuiteLocale } from "../templates/load-suites.ts";
import { type Brand, LAYOUT_ID, toLayoutContent, toSuiteContent } from "../templates/to-suite-content.ts";
import { getService } from "./authenticate.ts";
import {
  type Check,
  checked,
  httpUrl,
  orEmpty,
  parseFields,
  show,
  text,
  withoutControlCharacters,
} from "./field-checks.ts";
import type { TemplateKeeper, TemplateKeeperParts } from "./template-keeper.ts";
import { toTemplateName } from "./template-name.ts";
import { publishDraft } from "./template-versions.ts";

const CHANNELS = [Channel.REALTIME, Channel.INBOX, Channel.EMAIL, Channel.SMS, Channel.PUSH];
const COLOR_DEFAULT = "#1d4ed8";

const color: Check<string> = (value) =>
  /^#[0-9a-f]{6}$/i.test(value) ? undefined : `${show(value)} is not a color such as "${COLOR_DEFAULT}"`;
const isSuiteLocale = (value: string): value is SuiteLocale => LOCALES.some((locale) => locale === value);
const suiteLocale: Check<string> = (value) =>
  isSuiteLocale(value) ? undefined : `${show(value)} is not one of ${LOCALES.join(", ")}`;
const brandSchema = z.object({
  brand: z.object({
    shopName: checked(text({ min: 1, max: 100 }), withoutControlCharacters),
    shopUrl: checked(httpUrl),
    cartUrl: checked(orEmpty(httpUrl)),
    logoUrl: checked(orEmpty(httpUrl)),
    postalAddress: checked(text({ max: 200 }), withoutControlCharacters),
    color: checked(orEmpty(color)),
    defaultLocale: checked(orEmpty(suiteLocale)),
  }),
});

type Key = { readonly workspaceId: string; readonly templateId: string };
type ToInstall = { readonly key: Key; readonly displayName: string; readonly draft: TemplateContent };

/** Ready templates: what there is, and how it gets into a workspace. */
export function suiteMethods(
  { store, now }: TemplateKeeperParts,
  keeper: TemplateKeeper,
): Pick<ServiceImpl<typeof TemplateService>, "listSuites" | "installSuite"> {
  return {
    async listSuites(_, context) {
      const { workspace } = getService(context.values);
      const suites = loadSuites().suites.map(async ({ suiteId, displayName, description, purpose, example }) =>
        create(SuiteSchema, {
          ...{ suite: suiteId, displayName, description, purpose, example, locales: [...LOCALES], channels: CHANNELS },
          installed: (await findTemplate(store, { workspaceId: workspace.id, templateId: suiteId })) !== undefined,
        }),
      );
      return { suites: await Promise.all(suites) };
    },
    async installSuite({ suite: suiteId, brand: given, validateOnly }, context) {
      const { workspace } = getService(context.values);
      const suites = loadSuites();
      const suite = suites.suites.find((one) => one.suiteId === suiteId);
      if (suite === undefined) throw new NotFound("suite", suiteId);
      const brand = parseBrand(given ?? create(BrandSchema));
      const keyOf = (templateId: string) => ({ workspaceId: workspace.id, templateId });
      // The layout first: the suite is published with its pieces.
      const all: readonly ToInstall[] = [
        { key: keyOf(LAYOUT_ID), displayName: "Layout of the shop's emails", draft: toLayoutContent(suites, brand) },
        { key: keyOf(suiteId), displayName: suite.displayName, draft: toSuiteContent(suite, brand) },
      ];
      const templates: InstalledTemplate[] = [];
      for (const one of all) templates.push(await (validateOnly ? look(one) : install(one)));
      return { templates };
    },
  };

  /** What there is of it, and what is to be done. */
  async function look({ key, draft }: ToInstall): Promise<InstalledTemplate> {
    const found = await findTemplate(store, key);
    const outcome =
      found === undefined
        ? InstalledTemplate_Outcome.CREATED
        : found.state === TemplateState.ARCHIVED || !isSame(found.draft, draft)
          ? InstalledTemplate_Outcome.KEPT
          : found.version === 0
            ? InstalledTemplate_Outcome.PUBLISHED
            : InstalledTemplate_Outcome.UNCHANGED;
    const name = toTemplateName(key.workspaceId, key.templateId);
    return create(InstalledTemplateSchema, { name, outcome, version: found?.version ?? 0 });
  }

  /** Does it. Whoever dies in between, or meets another who does the same, leaves what the next one finishes or finds done. */
  async function install(one: ToInstall): Promise<InstalledTemplate> {
    const planned = await look(one);
    const { outcome } = planned;
    if (outcome === InstalledTemplate_Outcome.KEPT || outcome === InstalledTemplate_Outcome.UNCHANGED) return planned;
    const { key, displayName, draft } = one;
    try {
      const template =
        outcome === InstalledTemplate_Outcome.CREATED
          ? await keeper.add(key, { displayName, draft })
          : await keeper.get(key);
      const done =
        template.version > 0 ? template : (await publishDraft({ keeper, store, now }, key, template)).template;
      return create(InstalledTemplateSchema, { ...planned, version: done.version });
    } catch (error) {
      // Another one was quicker.
      if (!(error instanceof StaleEtag || error instanceof AlreadyExists)) throw error;
      return look(one);
    }
  }
}

const isSame = (found: TemplateContent | undefined, wanted: TemplateContent) =>
  found !== undefined && equals(TemplateContentSchema, found, wanted);

/** @throws InvalidInput */
function parseBrand(given: z.input<typeof brandSchema>["brand"]): Brand {
  const { brand } = parseFields(brandSchema, { brand: given });
  return {
    ...brand,
    cartUrl: brand.cartUrl || new URL("cart", brand.shopUrl.endsWith("/") ? brand.shopUrl : `${brand.shopUrl}/`).href,
    color: brand.color.toLowerCase() || COLOR_DEFAULT,
    defaultLocale: isSuiteLocale(brand.defaultLocale) ? brand.defaultLocale : LOCALES[0],
  };
}
