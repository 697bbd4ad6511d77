/** What a text message asks for. */
export type Wish = "stop" | "start";

/** What users of a language write to get no more: what operators and the CTIA ask senders to know, and the words of the languages that
 *  the engine's pages speak. */
const STOP_WORDS: Readonly<Record<string, readonly string[]>> = {
  en: [
    "stop",
    "stopall",
    "stop all",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "opt out",
    "remove me",
  ],
  de: ["stopp", "abmelden", "abbestellen", "ende", "aus"],
  es: ["parar", "baja", "alto", "cancelar", "darse de baja"],
  fr: ["arret", "arreter", "desabonner", "me desabonner", "desinscrire"],
  it: ["ferma", "basta", "fine", "annulla", "cancella", "cancellami", "disiscrivi", "disiscrivimi"],
  pl: ["rezygnuje", "rezygnacja", "wypisz", "koniec", "wylacz"],
};

/** What they write to get it again. "Yes" is none: it may be the answer to anything. */
const START_WORDS: Readonly<Record<string, readonly string[]>> = {
  en: ["start", "unstop", "subscribe", "resume"],
  de: ["anmelden"],
  es: ["alta", "empezar"],
  fr: ["reprendre", "reabonner"],
  it: ["inizia", "riprendi", "iscrivi", "iscrivimi"],
  pl: ["wznow", "zapisz"],
};

const WISHES: ReadonlyMap<string, Wish> = new Map([
  ...Object.values(STOP_WORDS).flatMap((words) => words.map((word) => [word, "stop"] as const)),
  ...Object.values(START_WORDS).flatMap((words) => words.map((word) => [word, "start"] as const)),
]);
const CHARACTERS_MAX = 40;

/** Reads a text message, in any language at once, since nobody says in which he writes. The whole message has to be one of the words:
 *  "Can I stop by today?" is a question.
 *  @returns undefined when it asks for neither. */
export function findWish(text: string): Wish | undefined {
  if (text.length > CHARACTERS_MAX) return undefined;
  const words = text
    // A Polish l with its stroke is no l with a mark.
    .replaceAll(/ł/gi, "l")
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
  return WISHES.get(words.join(" "));
}
