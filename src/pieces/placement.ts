import { HolderPiece } from "./holder-piece.ts";
import type { Answers, PageMessage, Shown } from "./message.ts";

/** `<engine-placement name="home-hero">`: a place in the page that asks, as soon as it is there, what to show, and for messages that are sent to it. What the page has put into it is
 *  shown while there is none. */
export class EnginePlacement extends HolderPiece {
  readonly #own = document.createElement("slot");

  constructor() {
    super();
    this.root.append(this.#own);
  }

  get name(): string {
    return this.getAttribute("name") ?? "";
  }

  override hasRoomFor(message: PageMessage): boolean {
    return message.content.presentation.placement === this.name && super.hasRoomFor(message);
  }

  protected place(message: PageMessage, answers: Answers): Shown {
    const { card } = this.makeCard("inline", message, answers);
    this.#own.replaceWith(card);
    return { element: card, close: () => card.replaceWith(this.#own) };
  }
}
