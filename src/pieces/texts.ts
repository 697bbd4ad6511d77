/** What the pieces themselves say. */
export interface Texts {
  readonly close: string;
  readonly messages: string;
  readonly inbox: string;
  /** `{count}` stands for the number. */
  readonly unread: string;
  readonly empty: string;
  readonly failed: string;
  readonly retry: string;
  readonly markRead: string;
  readonly markAllRead: string;
  readonly archive: string;
  readonly more: string;
}

const known: { readonly [language: string]: Texts } = {
  en: {
    ...{ close: "Close", messages: "Messages", inbox: "Inbox", unread: "{count} unread" },
    ...{ empty: "Nothing here yet.", failed: "The inbox could not be loaded.", retry: "Try again" },
    ...{ markRead: "Mark as read", markAllRead: "Mark all as read", archive: "Archive", more: "Show more" },
  },
  de: {
    ...{ close: "Schließen", messages: "Nachrichten", inbox: "Posteingang", unread: "{count} ungelesen" },
    ...{ empty: "Noch nichts hier.", failed: "Der Posteingang lädt gerade nicht.", retry: "Noch einmal" },
    ...{ markRead: "Gelesen", markAllRead: "Alle gelesen", archive: "Archivieren", more: "Mehr zeigen" },
  },
  es: {
    ...{ close: "Cerrar", messages: "Mensajes", inbox: "Bandeja de entrada", unread: "{count} sin leer" },
    ...{ empty: "Aún no hay nada.", failed: "No se pudo cargar la bandeja.", retry: "Reintentar" },
    ...{ markRead: "Marcar como leído", markAllRead: "Marcar todo como leído", archive: "Archivar", more: "Ver más" },
  },
  fr: {
    ...{ close: "Fermer", messages: "Messages", inbox: "Boîte de réception", unread: "{count} non lus" },
    ...{ empty: "Rien pour le moment.", failed: "Impossible de charger les messages.", retry: "Réessayer" },
    ...{ markRead: "Marquer comme lu", markAllRead: "Tout marquer comme lu", archive: "Archiver", more: "Voir plus" },
  },
  pl: {
    ...{ close: "Zamknij", messages: "Wiadomości", inbox: "Skrzynka", unread: "nieprzeczytane: {count}" },
    ...{ empty: "Nic tu jeszcze nie ma.", failed: "Nie udało się wczytać skrzynki.", retry: "Spróbuj ponownie" },
    ...{ markRead: "Przeczytane", markAllRead: "Wszystkie przeczytane", archive: "Archiwizuj", more: "Pokaż więcej" },
  },
};

/** By locale or language, such as `pt-BR` or `pt`; what is left out is said in the language's own or in English. */
export type TextOverrides = { readonly [locale: string]: Partial<Texts> };

/** @param locale BCP 47. The nearest text wins: the page's own for the locale, then for its language, then ours. */
export function chooseTexts(locale: string, overrides: TextOverrides = {}): Texts {
  const language = locale.toLowerCase().split("-")[0] ?? "";
  const own = (table: { readonly [name: string]: Partial<Texts> }, name: string) =>
    Object.hasOwn(table, name) ? table[name] : undefined;
  const english = known.en;
  return { ...english, ...own(known, language), ...own(overrides, language), ...own(overrides, locale) } as Texts;
}
