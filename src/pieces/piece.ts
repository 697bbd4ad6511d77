import type { InterventionClient } from "../client/index.ts";
import { sharedSheet } from "./style.ts";
import type { Texts } from "./texts.ts";

/** What the pieces of a page work with. */
export interface Wiring {
  readonly client: InterventionClient;
  readonly texts: Texts;
  /** BCP 47. */
  readonly locale: string;
  /** A piece came, went, or has room again. */
  changed(): void;
}

/** What every piece is: an element with a shadow root that a client is wired to, whichever of the two comes first. */
export abstract class Piece extends HTMLElement {
  protected readonly root = this.attachShadow({ mode: "open" });
  #wiring: Wiring | undefined;

  constructor() {
    super();
    this.root.adoptedStyleSheets = [sharedSheet()];
  }

  protected get wiring(): Wiring | undefined {
    return this.#wiring;
  }

  connectedCallback(): void {
    pieces.add(this);
    this.wire(current);
    current?.changed();
  }

  disconnectedCallback(): void {
    pieces.delete(this);
    this.wire(undefined);
    current?.changed();
  }

  wire(wiring: Wiring | undefined): void {
    if (this.#wiring === wiring) return;
    this.#wiring = wiring;
    this.wired(wiring);
  }

  /** @param wiring undefined: it is over. */
  protected abstract wired(wiring: Wiring | undefined): void;
}

/** Those in the document, in the order in which they came. */
const pieces = new Set<Piece>();
let current: Wiring | undefined;

export function wirePieces(wiring: Wiring | undefined): void {
  current = wiring;
  for (const piece of [...pieces]) piece.wire(wiring);
}

export function findPieces<Kind extends Piece>(isKind: (piece: Piece) => piece is Kind): Kind[] {
  return [...pieces].filter(isKind);
}
