import type { Language } from "../spoken-language.ts";

/** What leads a reader out of marketing. */
export const UNSUBSCRIBE_LABELS: Readonly<Record<Language, string>> = {
  en: "Unsubscribe",
  de: "Abmelden",
  es: "Cancelar la suscripción",
  fr: "Se désabonner",
  it: "Annulla l'iscrizione",
  pl: "Wypisz się",
};
