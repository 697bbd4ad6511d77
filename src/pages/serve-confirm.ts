import type { Logger } from "pino";
import { ConsentKeeper } from "../api/consent-keeper.ts";
import { ProfileKeeper, type ProfileKeeperParts } from "../api/profile-keeper.ts";
import type { Language } from "../domain/spoken-language.ts";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "../gateway/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Workspace } from "../integrations/caller.ts";
import { CONFIRM_PATH, readConfirmToken } from "../integrations/confirm-links.ts";
import { PREFERENCES_PATH, toPreferenceToken } from "../integrations/preference-links.ts";
import { confirmRequest, type FoundRequest, findRequest } from "./confirm-consent.ts";
import { toLanguage, toPage } from "./page.ts";
import { PAGE_TEXTS } from "./page-texts.ts";
import { servePage } from "./serve-page.ts";

type Texts = {
  readonly title: string;
  readonly pending: Readonly<Record<FoundRequest["request"]["channel"], string>>;
  readonly button: string;
  readonly confirmed: string;
  readonly expired: string;
};

const TEXTS: Readonly<Record<Language, Texts>> = {
  en: {
    title: "Offers and news",
    pending: {
      email: "Do you want to get our offers and news by email?",
      sms: "Do you want to get our offers and news by SMS?",
      push: "Do you want to get our offers and news as notifications on this device?",
    },
    button: "Yes, I do",
    confirmed: "Thank you. You will get our offers and news from now on.",
    expired: "It is too late to confirm this. Please ask for it again in the shop.",
  },
  de: {
    title: "Angebote und Neuigkeiten",
    pending: {
      email: "Möchten Sie unsere Angebote und Neuigkeiten per E-Mail bekommen?",
      sms: "Möchten Sie unsere Angebote und Neuigkeiten per SMS bekommen?",
      push: "Möchten Sie unsere Angebote und Neuigkeiten als Mitteilung auf diesem Gerät bekommen?",
    },
    button: "Ja, gern",
    confirmed: "Danke. Sie bekommen von nun an unsere Angebote und Neuigkeiten.",
    expired: "Zum Bestätigen ist es zu spät. Bitte melden Sie sich im Shop noch einmal an.",
  },
  es: {
    title: "Ofertas y novedades",
    pending: {
      email: "¿Quiere recibir nuestras ofertas y novedades por correo electrónico?",
      sms: "¿Quiere recibir nuestras ofertas y novedades por SMS?",
      push: "¿Quiere recibir nuestras ofertas y novedades como notificaciones en este dispositivo?",
    },
    button: "Sí, quiero",
    confirmed: "Gracias. A partir de ahora recibirá nuestras ofertas y novedades.",
    expired: "Ya es tarde para confirmarlo. Vuelva a solicitarlo en la tienda.",
  },
  fr: {
    title: "Offres et nouveautés",
    pending: {
      email: "Souhaitez-vous recevoir nos offres et nouveautés par e-mail ?",
      sms: "Souhaitez-vous recevoir nos offres et nouveautés par SMS ?",
      push: "Souhaitez-vous recevoir nos offres et nouveautés en notifications sur cet appareil ?",
    },
    button: "Oui, je le souhaite",
    confirmed: "Merci. Vous recevrez désormais nos offres et nouveautés.",
    expired: "Il est trop tard pour confirmer. Veuillez refaire la demande dans la boutique.",
  },
  it: {
    title: "Offerte e novità",
    pending: {
      email: "Vuole ricevere le nostre offerte e novità per e-mail?",
      sms: "Vuole ricevere le nostre offerte e novità per SMS?",
      push: "Vuole ricevere le nostre offerte e novità come notifiche su questo dispositivo?",
    },
    button: "Sì, volentieri",
    confirmed: "Grazie. D'ora in poi riceverà le nostre offerte e novità.",
    expired: "È troppo tardi per confermare. Lo chieda di nuovo nel negozio.",
  },
  pl: {
    title: "Oferty i nowości",
    pending: {
      email: "Czy chcesz otrzymywać nasze oferty i nowości e-mailem?",
      sms: "Czy chcesz otrzymywać nasze oferty i nowości SMS-em?",
      push: "Czy chcesz otrzymywać nasze oferty i nowości jako powiadomienia na tym urządzeniu?",
    },
    button: "Tak, chcę",
    confirmed: "Dziękujemy. Od teraz będziesz otrzymywać nasze oferty i nowości.",
    expired: "Jest już za późno na potwierdzenie. Zgłoś to w sklepie jeszcze raz.",
  },
};

/** Serves the page where a consent that was asked for is confirmed, by its button. A look, such as a mail scanner's or a browser's that
 *  reads ahead, confirms nothing. */
export function serveConfirm(
  edge: EdgeServer,
  {
    access,
    log,
    ...keeping
  }: ProfileKeeperParts & { readonly access: Pick<AccessDirectory, "findWorkspace">; readonly log: Logger },
): void {
  const profiles = new ProfileKeeper(keeping);
  const parts = { ...keeping, profiles, consents: new ConsentKeeper({ ...keeping, keeper: profiles }) };
  const find = ({ query }: EdgeRequest) => readConfirmToken(access, query.get("t") ?? "");
  const handlers = {
    get: async (request: EdgeRequest) => {
      const whose = find(request);
      return answer(request, whose && { ...whose, found: await findRequest(parts, whose) });
    },
    post: async (request: EdgeRequest) => {
      const whose = find(request);
      return answer(request, whose && { ...whose, found: await confirmRequest(parts, whose) });
    },
  };
  servePage(edge, CONFIRM_PATH, handlers, { log });
}

const STATUSES = { pending: 200, confirmed: 200, expired: 410 } as const;

function answer(
  request: EdgeRequest,
  asked:
    | { readonly workspace: Workspace; readonly userId: string; readonly found: FoundRequest | undefined }
    | undefined,
): EdgeResponse {
  const { found } = asked ?? {};
  const language = toLanguage(request, found?.request.locale);
  const texts = TEXTS[language];
  const { title, button } = texts;
  const { more, bad } = PAGE_TEXTS[language];
  if (asked === undefined || found === undefined)
    return toPage({ status: 404, language, title, body: `<p role="status">${bad}</p>` });
  const { state } = found;
  const words = state === "pending" ? texts.pending[found.request.channel] : texts[state];
  const form = state === "pending" ? `<form method="post"><button>${button}</button></form>` : "";
  const link = `${PREFERENCES_PATH}?t=${toPreferenceToken(asked.workspace, asked.userId)}`;
  const preferences = state === "confirmed" ? `<p><a href="${link}">${more}</a></p>` : "";
  return toPage({
    status: STATUSES[state],
    language,
    title,
    body: `<p role="status">${words}</p>${form}${preferences}`,
  });
}
