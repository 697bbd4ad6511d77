import { make } from "./dom.ts";
import { HolderPiece } from "./holder-piece.ts";
import type { Answers, PageMessage, Shown } from "./message.ts";

/** `<engine-banner>`: a bar across the page, where the element stands, that stays until it is closed. */
export class EngineBanner extends HolderPiece {
  readonly #place = make("div", { class: "banners", part: "banners", role: "status" });

  constructor() {
    super();
    this.root.append(this.#place);
  }

  protected place(message: PageMessage, answers: Answers): Shown {
    const { card } = this.makeCard("banner", message, answers);
    this.#place.append(card);
    return { element: card, close: () => card.remove() };
  }
}
