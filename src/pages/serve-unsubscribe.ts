import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import type { EventPublisher } from "../bus/index.ts";
import { fromChannelName } from "../domain/delivery/channel-names.ts";
import { toEscaped } from "../domain/delivery/to-outgoing.ts";
import { UNSUBSCRIBE_LABELS } from "../domain/delivery/unsubscribe-labels.ts";
import { Unavailable } from "../domain/errors.ts";
import type { Language } from "../domain/spoken-language.ts";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "../gateway/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { PREFERENCES_PATH, readPreferenceToken } from "../integrations/preference-links.ts";
import { readUnsubscribeToken, UNSUBSCRIBE_PATH, type Unsubscriber } from "../integrations/unsubscribe-links.ts";
import { followWish, type Store } from "../store/index.ts";
import { toLanguage, toPage } from "./page.ts";
import { PAGE_TEXTS } from "./page-texts.ts";
import { servePage } from "./serve-page.ts";

/** What unsubscribing works with. */
type UnsubscribeParts = {
  readonly store: Store;
  readonly access: Pick<AccessDirectory, "findWorkspace">;
  readonly events: Pick<EventPublisher, "publish">;
  readonly log: Logger;
};

const TEXTS: Readonly<Record<Language, { readonly ask: string; readonly done: string }>> = {
  en: {
    ask: "Do you want to get no more offers and news at this address?",
    done: "Done. You will get no more offers and news at this address.",
  },
  de: {
    ask: "Möchten Sie an diese Adresse keine Angebote und Neuigkeiten mehr bekommen?",
    done: "Erledigt. Sie bekommen an diese Adresse keine Angebote und Neuigkeiten mehr.",
  },
  es: {
    ask: "¿No quiere recibir más ofertas ni novedades en esta dirección?",
    done: "Hecho. No recibirá más ofertas ni novedades en esta dirección.",
  },
  fr: {
    ask: "Ne plus recevoir d'offres ni de nouveautés à cette adresse ?",
    done: "C'est fait. Vous ne recevrez plus d'offres ni de nouveautés à cette adresse.",
  },
  it: {
    ask: "Non vuole più ricevere offerte e novità a questo indirizzo?",
    done: "Fatto. Non riceverà più offerte e novità a questo indirizzo.",
  },
  pl: {
    ask: "Czy nie chcesz już otrzymywać ofert i nowości na ten adres?",
    done: "Gotowe. Na ten adres nie będą już przychodzić oferty ani nowości.",
  },
};

/** Serves unsubscribing: a page that asks, and whose form does it; and the one click of RFC 8058, which mail programs make for their
 *  users. A mere look changes nothing: mail scanners follow every link. */
export function serveUnsubscribe(edge: EdgeServer, parts: UnsubscribeParts): void {
  const { access } = parts;
  const find = ({ query }: EdgeRequest) => readUnsubscribeToken(access, query.get("t") ?? "");
  const answer = (status: number, request: EdgeRequest, what: "ask" | "done" | "bad"): EdgeResponse => {
    const language = toLanguage(request);
    const texts = TEXTS[language];
    const title = UNSUBSCRIBE_LABELS[language];
    const { more, bad } = PAGE_TEXTS[language];
    const form = what === "ask" ? `<form method="post"><button>${title}</button></form>` : "";
    const user = request.query.get("p") ?? "";
    const isKnown = what !== "bad" && readPreferenceToken(access, user) !== undefined;
    const link = isKnown ? `<p><a href="${PREFERENCES_PATH}?t=${toEscaped(user)}">${more}</a></p>` : "";
    return toPage({
      status,
      language,
      title,
      body: `<p role="status">${what === "bad" ? bad : texts[what]}</p>${form}${link}`,
    });
  };
  const handlers = {
    get: (request: EdgeRequest) =>
      find(request) === undefined ? answer(404, request, "bad") : answer(200, request, "ask"),
    post: async (request: EdgeRequest) => {
      const who = find(request);
      if (who === undefined) return answer(404, request, "bad");
      await unsubscribe(parts, who, new Date());
      return answer(200, request, "done");
    },
  };
  servePage(edge, UNSUBSCRIBE_PATH, handlers, { log: parts.log });
}

async function unsubscribe({ store, events, log }: UnsubscribeParts, who: Unsubscriber, at: Date): Promise<void> {
  const { workspaceId, channel, addressHash } = who;
  await followWish(store, { workspaceId, channel, hash: addressHash, wish: "stop", at, source: "link" });
  try {
    await events.publish(toEvents(who, at));
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    // What its reader has asked for is done: that figures lack it is nothing to bother him with.
    log.warn({ event: "unsubscribed_untold", workspaceId, err: error }, "an unsubscription is missing in the figures");
  }
}

/** Once a message, whoever presses how often. */
function toEvents({ workspaceId, channel, interventionId }: Unsubscriber, at: Date): readonly Event[] {
  if (interventionId === undefined) return [];
  const time = timestampFromDate(at);
  const event = create(EventSchema, {
    ...{ eventId: `${interventionId}:unsubscribed`, kind: EventKind.UNSUBSCRIBED, interventionId },
    ...{ workspace: workspaceId, channel: fromChannelName(channel), occurTime: time, receiveTime: time },
  });
  return [event];
}
