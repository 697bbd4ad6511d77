import type { InterventionClient, PresentationKind } from "../client/index.ts";
import { EngineBanner } from "./banner.ts";
import { createClaims } from "./claims.ts";
import type { HolderPiece } from "./holder-piece.ts";
import { EngineInbox } from "./inbox.ts";
import { createLedger } from "./ledger.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { type PageMessage, toPageMessage } from "./message.ts";
import { EngineModal } from "./modal.ts";
import { createPageViewAsker } from "./page-view.ts";
import { findPieces, wirePieces } from "./piece.ts";
import { EnginePlacement } from "./placement.ts";
import { safeStorage } from "./safe-storage.ts";
import { createStage } from "./stage.ts";
import { chooseTexts, type TextOverrides } from "./texts.ts";
import { EngineToast } from "./toast.ts";
import { createWaiting } from "./waiting.ts";
import { whenSeen } from "./when-seen.ts";

export interface PiecesOptions {
  /** BCP 47. Default: the page's `lang`, then the browser's. */
  readonly locale?: string;
  /** What the pieces themselves say, where it should be something else, or in another language than en, de, es, fr and pl. */
  readonly texts?: TextOverrides;
  /** How much is shown in a while; see `Limits` for the defaults. */
  readonly limits?: Partial<Limits>;
}

const holders: { readonly [Kind in PresentationKind]: new () => HolderPiece } = {
  toast: EngineToast,
  banner: EngineBanner,
  modal: EngineModal,
  inline: EnginePlacement,
};

/** Wires a client to the pieces of the page: call it before `client.connect()`. A page without a toast, banner or modal of its own gets them
 *  at the end (the banner at the beginning) of its body; a placement and an inbox stand where the page puts them.
 *  @returns a function that takes everything off and lets the client go. */
export function connectPieces(client: InterventionClient, options: PiecesOptions = {}): () => void {
  for (const [kind, piece] of Object.entries({ ...holders, inbox: EngineInbox })) {
    const name = kind === "inline" ? "engine-placement" : `engine-${kind}`;
    if (customElements.get(name) === undefined) customElements.define(name, piece);
  }
  const added = addMissing();
  const locale = options.locale ?? (document.documentElement.lang || navigator.language);
  const shared = safeStorage(() => localStorage);
  const waiting = createWaiting(safeStorage(() => sessionStorage));
  let owner: string | undefined;
  const report = (error: unknown) => console.warn("intervention-engine/pieces:", error);
  const asker = createPageViewAsker({
    findPlacements: () => findPieces((piece) => piece instanceof EnginePlacement).map(({ name }) => name),
    pageUrl: () => location.href,
    newId: newViewId,
    locale,
    choose: (view) => client.placements.choose(view),
    report,
  });
  // What another tab or an earlier page has asked for is not for this one.
  const isForView = ({ content: { presentation } }: PageMessage) =>
    presentation.viewId === "" || presentation.viewId === asker.viewId;
  const stage = createStage({
    claims: createClaims(shared),
    ledger: createLedger(shared, { ...defaultLimits, ...options.limits }, Date.now),
    now: Date.now,
    findHolder: (message) => (isForView(message) ? findHolder(message) : undefined),
    isPageVisible: () => document.visibilityState === "visible",
    whenSeen,
    track: client.track,
    save: (messages) => owner !== undefined && waiting.save(owner, messages),
    report,
  });
  const stopped = new AbortController();
  document.addEventListener("visibilitychange", () => stage.look(), { signal: stopped.signal });
  const stops = [
    client.on("intervention", (intervention) => add(toPageMessage(intervention))),
    client.on("revoke", ({ id }) => stage.revoke(id)),
    client.on("welcome", () => {
      adopt();
      asker.look();
    }),
  ];
  const add = (message: PageMessage) => {
    if (isForView(message)) stage.add(message);
  };
  const adopt = () => {
    if (owner === client.owner) return;
    stage.clear();
    const messages = waiting.load(client.owner);
    owner = client.owner;
    for (const message of messages) add(message);
  };
  const look = () => {
    if (client.state === "open") asker.look();
    stage.look();
  };
  if (client.state === "open") adopt();
  wirePieces({ client, locale, texts: chooseTexts(locale, options.texts), changed: look });
  look();
  return () => {
    stopped.abort();
    for (const stop of stops) stop();
    stage.close();
    wirePieces(undefined);
    for (const element of added) element.remove();
  };
}

/** Unguessable is not needed: it tells one's own tabs apart. `randomUUID` is for secure pages alone. */
const newViewId = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

const findHolders = (kind: PresentationKind) =>
  findPieces((piece): piece is HolderPiece => piece instanceof holders[kind]);

function findHolder(message: PageMessage): HolderPiece | undefined {
  return findHolders(message.content.presentation.kind).find((holder) => holder.hasRoomFor(message));
}

function addMissing(): readonly HTMLElement[] {
  const missing = (["toast", "modal", "banner"] as const).filter((kind) => findHolders(kind).length === 0);
  return missing.map((kind) => {
    const element = document.createElement(`engine-${kind}`);
    if (kind === "banner") document.body.prepend(element);
    else document.body.append(element);
    return element;
  });
}
