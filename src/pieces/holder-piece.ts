import { makeActions, makeClose, makeText } from "./card.ts";
import { make } from "./dom.ts";
import type { Answers, Holder, PageMessage, Shown } from "./message.ts";
import { Piece, type Wiring } from "./piece.ts";

let count = 0;

/** A piece that shows messages, as many at a time as it has room for. */
export abstract class HolderPiece extends Piece implements Holder {
  protected readonly roomMax: number = 1;
  readonly #shown = new Map<string, { readonly shown: Shown; readonly answers: Answers }>();

  hasRoomFor(_message: PageMessage): boolean {
    return this.#shown.size < this.roomMax;
  }

  show(message: PageMessage, answers: Answers): Shown {
    const { id } = message;
    const placed = this.place(message, answers);
    const shown: Shown = {
      element: placed.element,
      close: () => {
        if (this.#shown.delete(id)) placed.close();
      },
    };
    this.#shown.set(id, { shown, answers });
    return shown;
  }

  override disconnectedCallback(): void {
    for (const { shown, answers } of [...this.#shown.values()]) {
      shown.close();
      answers.removed();
    }
    super.disconnectedCallback();
  }

  protected wired(wiring: Wiring | undefined): void {
    if (wiring === undefined) for (const { shown } of [...this.#shown.values()]) shown.close();
  }

  /** Puts it on the screen. `close` takes it off, and reports nothing. */
  protected abstract place(message: PageMessage, answers: Answers): Shown;

  /** @returns the message as a card, and the id of its title for `aria-labelledby`. */
  protected makeCard(kind: string, { id, content }: PageMessage, answers: Answers) {
    count += 1;
    const titleId = `title-${count}`;
    const parts = [...makeText(content, titleId), ...makeActions(content, (actionId) => answers.clicked(actionId))];
    const image = parts[0]?.localName === "img" && kind !== "modal" ? parts.splice(0, 1) : [];
    const card = make(
      "div",
      { class: `card ${kind}`, part: `card ${kind}`, "data-id": id },
      ...image,
      make("div", { class: "main" }, ...parts),
      makeClose(this.wiring?.texts.close ?? "", () => answers.dismissed()),
    );
    return { card, titleId };
  }
}
