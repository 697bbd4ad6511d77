/** The languages that the engine itself speaks to users; the first is spoken to everybody else. */
export const LANGUAGES = ["en", "de", "es", "fr", "it", "pl"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language of a locale, if it is spoken. */
export function findLanguage(locale: string): Language | undefined {
  const [language = ""] = locale.trim().toLowerCase().split(/[-_;]/);
  return LANGUAGES.find((one) => one === language);
}
