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
      /** Of what can't be done now: its title, and what to do about it. */
      readonly later: string;
      readonly again: string;
    }
  >
> = {
  en: {
    bad: "This link is not valid. Please use the one in a newer message.",
    more: "Choose what else you get from us",
    later: "One moment",
    again: "Nothing is lost, but this can't be done right now. Please try again in a moment.",
  },
  de: {
    bad: "Dieser Link ist ungültig. Bitte nehmen Sie den aus einer neueren Nachricht.",
    more: "Auswählen, was Sie sonst von uns bekommen",
    later: "Einen Moment",
    again: "Nichts ist verloren, aber gerade geht es nicht. Bitte versuchen Sie es gleich noch einmal.",
  },
  es: {
    bad: "Este enlace no es válido. Use el de un mensaje más reciente.",
    more: "Elegir qué más quiere recibir",
    later: "Un momento",
    again: "No se ha perdido nada, pero ahora mismo no es posible. Inténtelo de nuevo dentro de un momento.",
  },
  fr: {
    bad: "Ce lien n'est pas valable. Utilisez celui d'un message plus récent.",
    more: "Choisir ce que vous recevez d'autre",
    later: "Un instant",
    again: "Rien n'est perdu, mais ce n'est pas possible pour l'instant. Veuillez réessayer dans un moment.",
  },
  it: {
    bad: "Questo link non è valido. Usi quello di un messaggio più recente.",
    more: "Scegliere che cos'altro ricevere",
    later: "Un momento",
    again: "Non è andato perso nulla, ma in questo momento non è possibile. Riprovi tra poco.",
  },
  pl: {
    bad: "Ten link jest nieprawidłowy. Użyj linku z nowszej wiadomości.",
    more: "Wybierz, co jeszcze chcesz otrzymywać",
    later: "Chwileczkę",
    again: "Nic nie przepadło, ale w tej chwili to niemożliwe. Spróbuj ponownie za chwilę.",
  },
};
