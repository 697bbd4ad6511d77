/** `include("other/footer")`, `layout("other/shop")`: pieces of other templates. */
const SHARED = /\b(?:include|layout)\(\s*(["'])([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9_-]{1,40})\1/g;

/** The ids of the templates whose pieces these sources use, each once. */
export const findNamedTemplates = (sources: readonly string[]): string[] => [
  ...new Set(sources.flatMap((source) => [...source.matchAll(SHARED)].map(([, , templateId = ""]) => templateId))),
];
