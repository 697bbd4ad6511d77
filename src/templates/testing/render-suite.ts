import { Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { buildTemplate, type PublishedTemplate, type Rendered, renderTemplate } from "../../domain/template/index.ts";
import { compileMjml } from "../compile-mjml.ts";
import { loadSuites, type Suite } from "../load-suites.ts";
import { type Brand, LAYOUT_ID, toLayoutContent, toSuiteContent } from "../to-suite-content.ts";

export const BRAND: Brand = {
  shopName: "Nordwind & Co",
  shopUrl: "https://nordwind.example/",
  cartUrl: "https://nordwind.example/cart",
  logoUrl: "",
  postalAddress: "Hafenstraße 12, 20457 Hamburg",
  color: "#1d4ed8",
  defaultLocale: "en",
};
export const UNSUBSCRIBE_URL = "https://engine.example/unsubscribe?t=abc";

/** A suite as it is published in a workspace where the layout is installed. */
export async function publishSuite(suite: Suite, brand: Brand = BRAND): Promise<PublishedTemplate> {
  const { pieces } = toLayoutContent(loadSuites(), brand);
  const shared = new Map(
    pieces.map(({ name, source }) => [`${LAYOUT_ID}/${name}`, { source, field: `${LAYOUT_ID}.${name}` }] as const),
  );
  const built = await buildTemplate(toSuiteContent(suite, brand), { path: suite.suiteId, shared, compileMjml });
  return built.template;
}

/** With its example, as it is sent: of marketing with a way out of it. */
export function renderExample(
  { example, purpose }: Suite,
  template: PublishedTemplate,
  { locale, variables = {} }: { readonly locale: string; readonly variables?: object },
): Rendered {
  const isMarketing = purpose === Purpose.MARKETING;
  const known = { ...example, ...(isMarketing ? { unsubscribe_url: UNSUBSCRIBE_URL } : {}), ...variables };
  return renderTemplate(template, { variables: known, locale, timeZone: "Europe/Berlin" });
}
