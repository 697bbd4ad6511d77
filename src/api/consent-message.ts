import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { ContentSchema, PolicySchema, Priority, RecipientSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { AddressSchema, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { type TemplateUse, TemplateUseSchema } from "../../gen/intervention/v1/template_use_pb.js";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { toBodyHash } from "../accept/to-body-hash.ts";
import { fromChannelName, toContactChannel } from "../domain/delivery/channel-names.ts";
import { findLanguage, type Language } from "../domain/spoken-language.ts";
import type { ConsentRequestDocument } from "../store/index.ts";

type Texts = { readonly title: string; readonly body: string; readonly button: string; readonly short: string };

/** What the message says, and in short by SMS. Whoever has asked for nothing need do nothing. */
const TEXTS: Readonly<Record<Language, Texts>> = {
  en: {
    title: "Please confirm: our offers and news",
    body: "Somebody, you we hope, would like to get our offers and news here. Please confirm it on the page behind this link.\n\nIf it was not you, do nothing: we will send you none.",
    button: "To the page",
    short: "Would you like our offers and news here? Please confirm (if you did not ask for it, do nothing):",
  },
  de: {
    title: "Bitte bestätigen: unsere Angebote und Neuigkeiten",
    body: "Jemand, wir hoffen Sie, möchte hier unsere Angebote und Neuigkeiten bekommen. Bitte bestätigen Sie es auf der Seite hinter diesem Link.\n\nWaren Sie es nicht, dann tun Sie nichts: Wir schicken Ihnen keine.",
    button: "Zur Seite",
    short: "Möchten Sie unsere Angebote hier bekommen? Bitte bestätigen (falls nicht von Ihnen gewünscht, nichts tun):",
  },
  es: {
    title: "Confirme, por favor: nuestras ofertas y novedades",
    body: "Alguien, esperamos que usted, quiere recibir aquí nuestras ofertas y novedades. Confírmelo en la página de este enlace.\n\nSi no fue usted, no haga nada: no le enviaremos ninguna.",
    button: "Ir a la página",
    short: "¿Quiere recibir aquí nuestras ofertas? Confírmelo (si no lo ha pedido, no haga nada):",
  },
  fr: {
    title: "À confirmer : nos offres et nouveautés",
    body: "Quelqu'un, vous sans doute, souhaite recevoir ici nos offres et nouveautés. Merci de le confirmer sur la page de ce lien.\n\nSi ce n'était pas vous, ne faites rien : nous ne vous en enverrons pas.",
    button: "Voir la page",
    short: "Recevoir nos offres ici ? Merci de confirmer (si vous n'avez rien demandé, ne faites rien) :",
  },
  it: {
    title: "Da confermare: le nostre offerte e novità",
    body: "Qualcuno, speriamo Lei, vorrebbe ricevere qui le nostre offerte e novità. Lo confermi sulla pagina di questo link.\n\nSe non è stato Lei, non faccia nulla: non Gliene manderemo.",
    button: "Alla pagina",
    short: "Vuole ricevere qui le nostre offerte? Confermi (se non l'ha chiesto, non faccia nulla):",
  },
  pl: {
    title: "Prosimy o potwierdzenie: nasze oferty i nowości",
    body: "Ktoś, mamy nadzieję, że Ty, chce otrzymywać tu nasze oferty i nowości. Prosimy o potwierdzenie na stronie pod tym linkiem.\n\nJeśli to nie Ty, nie rób nic: niczego nie wyślemy.",
    button: "Do strony",
    short: "Czy chcesz otrzymywać tu nasze oferty? Potwierdź (jeśli to nie Twoja prośba, nie rób nic):",
  },
};

/** The variable of a template that is given the link. */
export const CONFIRM_URL = "confirm_url";

/** What its message goes by, so that a repeated call sends none again. */
export const toMessageKey = ({ _id }: Pick<ConsentRequestDocument, "_id">) => `consent-request/${_id}`;

/** The message that asks for a consent, by the way that every service message goes.
 *  @param options.template undefined: the engine's own words. */
export function toConsentMessage(
  request: ConsentRequestDocument,
  { url, template }: { readonly url: string; readonly template: TemplateUse | undefined },
): ParsedTrigger {
  const { userId, channel, address, locale, expiresAt } = request;
  const { title, body, short, button } = TEXTS[findLanguage(locale) ?? "en"];
  const actions = [{ id: "confirm", label: button, url }];
  const words = channel === "sms" ? { body: short, actions } : { title, body, actions };
  const parsed = {
    idempotencyKey: toMessageKey(request),
    recipient: create(RecipientSchema, {
      ...{ userId, locale },
      addresses: [create(AddressSchema, { channel: toContactChannel(fromChannelName(channel)), address })],
    }),
    content: create(ContentSchema, template === undefined ? words : {}),
    ...(template === undefined
      ? {}
      : {
          template: create(TemplateUseSchema, {
            ...template,
            variables: { ...template.variables, [CONFIRM_URL]: url },
          }),
        }),
    campaign: "",
    priority: Priority.HIGH,
    policy: create(PolicySchema, { channels: [fromChannelName(channel)], purpose: Purpose.SERVICE }),
    expiration: { kind: "at", time: timestampFromDate(expiresAt) } as const,
  };
  return { ...parsed, bodyHash: toBodyHash(parsed) };
}
