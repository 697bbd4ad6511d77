import type { EdgeRequest, EdgeResponse, EdgeServer } from "../gateway/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { readUnsubscribeToken, UNSUBSCRIBE_PATH } from "../integrations/unsubscribe-links.ts";
import { followWish, type Store } from "../store/index.ts";

/** What unsubscribing works with. */
type UnsubscribeParts = { readonly store: Store; readonly access: Pick<AccessDirectory, "findWorkspace"> };

/** In the languages that the page speaks; the first is spoken to everybody else. */
const TEXTS = {
  en: {
    title: "Unsubscribe",
    ask: "Do you want to get no more offers and news at this address?",
    button: "Unsubscribe",
    done: "Done. You will get no more offers and news at this address.",
    bad: "This link is not valid. Please use the one in a newer message.",
  },
  de: {
    title: "Abmelden",
    ask: "Möchten Sie an diese Adresse keine Angebote und Neuigkeiten mehr bekommen?",
    button: "Abmelden",
    done: "Erledigt. Sie bekommen an diese Adresse keine Angebote und Neuigkeiten mehr.",
    bad: "Dieser Link ist ungültig. Bitte nehmen Sie den aus einer neueren Nachricht.",
  },
  es: {
    title: "Cancelar la suscripción",
    ask: "¿No quiere recibir más ofertas ni novedades en esta dirección?",
    button: "Cancelar la suscripción",
    done: "Hecho. No recibirá más ofertas ni novedades en esta dirección.",
    bad: "Este enlace no es válido. Use el de un mensaje más reciente.",
  },
  fr: {
    title: "Se désabonner",
    ask: "Ne plus recevoir d'offres ni de nouveautés à cette adresse ?",
    button: "Se désabonner",
    done: "C'est fait. Vous ne recevrez plus d'offres ni de nouveautés à cette adresse.",
    bad: "Ce lien n'est pas valable. Utilisez celui d'un message plus récent.",
  },
  pl: {
    title: "Wypisz się",
    ask: "Czy nie chcesz już otrzymywać ofert i nowości na ten adres?",
    button: "Wypisz się",
    done: "Gotowe. Na ten adres nie będą już przychodzić oferty ani nowości.",
    bad: "Ten link jest nieprawidłowy. Użyj linku z nowszej wiadomości.",
  },
} as const;
type Language = keyof typeof TEXTS;

/** Serves unsubscribing: a page that asks, and whose form does it; and the one click of RFC 8058, which mail programs make for their
 *  users. A mere look changes nothing: mail scanners follow every link. */
export function serveUnsubscribe(edge: EdgeServer, { access, store }: UnsubscribeParts): void {
  const find = ({ query }: EdgeRequest) => readUnsubscribeToken(access, query.get("t") ?? "");
  edge.route("get", UNSUBSCRIBE_PATH, async (request) => {
    const language = toLanguage(request);
    if (find(request) === undefined) return page(404, language, "bad");
    return page(200, language, "ask");
  });
  edge.route("post", UNSUBSCRIBE_PATH, async (request) => {
    const language = toLanguage(request);
    const who = find(request);
    if (who === undefined) return page(404, language, "bad");
    const { workspaceId, channel, addressHash } = who;
    await followWish(store, { workspaceId, channel, hash: addressHash, wish: "stop", at: new Date(), source: "link" });
    return page(200, language, "done");
  });
}

/** The first that is asked for and spoken (RFC 9110, section 12.5.4, without weights: browsers write them in order). */
function toLanguage({ headers }: EdgeRequest): Language {
  const asked = (headers.get("accept-language") ?? "")
    .split(",")
    .map((range) => range.trim().slice(0, 2).toLowerCase());
  return asked.find((one): one is Language => Object.hasOwn(TEXTS, one)) ?? "en";
}

/** It loads nothing, runs nothing, and posts only to where it came from. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

function page(status: number, language: Language, what: "ask" | "done" | "bad"): EdgeResponse {
  const texts = TEXTS[language];
  const form = what === "ask" ? `<form method="post"><button>${texts.button}</button></form>` : "";
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "content-security-policy": POLICY,
    },
    body: `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${texts.title}</title><style>${STYLE}</style></head>
<body><main><h1>${texts.title}</h1><p role="status">${texts[what]}</p>${form}</main></body></html>
`,
  };
}

const STYLE = `:root{color-scheme:light dark}body{margin:0;font:1.1rem/1.5 system-ui,sans-serif;display:grid;min-height:100vh;place-items:center}
main{max-width:32rem;padding:1.5rem}h1{font-size:1.5rem}
button{font:inherit;padding:.7rem 1.4rem;border:2px solid;border-radius:.5rem;background:CanvasText;color:Canvas;cursor:pointer}
button:focus-visible{outline:3px solid Highlight;outline-offset:3px}`;
