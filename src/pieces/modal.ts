import { make } from "./dom.ts";
import { HolderPiece } from "./holder-piece.ts";
import type { Answers, PageMessage, Shown } from "./message.ts";

/** `<engine-modal>`: the browser's own dialog, which keeps the focus in it and gives it back where it was. Escape and a click beside it
 *  dismiss it. */
export class EngineModal extends HolderPiece {
  protected place(message: PageMessage, answers: Answers): Shown {
    const { card, titleId } = this.makeCard("modal", message, answers);
    const dialog = make("dialog", { part: "dialog", "aria-labelledby": titleId }, card);
    // Its first action rather than the cross, which comes first on the screen.
    card.querySelector(".action")?.setAttribute("autofocus", "");
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      answers.dismissed();
    });
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog) answers.dismissed();
    });
    this.root.append(dialog);
    dialog.showModal();
    return {
      element: dialog,
      close: () => {
        // Removed without this, it would not give the focus back.
        dialog.close();
        dialog.remove();
      },
    };
  }
}
