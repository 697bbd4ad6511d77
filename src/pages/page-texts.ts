import type { Language } from "../domain/spoken-language.ts";

/** What several pages say. */
export const PAGE_TEXTS: Readonly<
  Record<
    Language,
    {
      /** Of a link that is none of the engine's. */
      readonly bad: string;
      /** Of the link to the page of preferences. */
      readonly more: string;
    }
  >
> = {
  en: {
    bad: "This link is not valid. Please use the one in a newer message.",
    more: "Choose what else you get from us",
  },
  de: {
    bad: "Dieser Link ist ungültig. Bitte nehmen Sie den aus einer neueren Nachricht.",
    more: "Auswählen, was Sie sonst von uns bekommen",
  },
  es: {
    bad: "Este enlace no es válido. Use el de un mensaje más reciente.",
    more: "Elegir qué más quiere recibir",
  },
  fr: {
    bad: "Ce lien n'est pas valable. Utilisez celui d'un message plus récent.",
    more: "Choisir ce que vous recevez d'autre",
  },
  it: {
    bad: "Questo link non è valido. Usi quello di un messaggio più recente.",
    more: "Scegliere che cos'altro ricevere",
  },
  pl: {
    bad: "Ten link jest nieprawidłowy. Użyj linku z nowszej wiadomości.",
    more: "Wybierz, co jeszcze chcesz otrzymywać",
  },
};
