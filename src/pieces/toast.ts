import { make } from "./dom.ts";
import { HolderPiece } from "./holder-piece.ts";
import type { Answers, PageMessage, Shown } from "./message.ts";

const secondsDefault = 10;

/** `<engine-toast seconds="10">`: up to three cards in a corner, which are read out but never take the focus. Each goes after so many
 *  seconds, in which nobody points at it, has the focus in it or looks at another tab; `seconds="0"` lets them stay. */
export class EngineToast extends HolderPiece {
  protected override readonly roomMax = 3;
  // There before its messages are: a live region announces what is put into it, not what it comes with.
  readonly #list = make("div", { class: "toasts", part: "toasts", role: "status" });

  constructor() {
    super();
    this.root.append(this.#list);
  }

  protected place(message: PageMessage, answers: Answers): Shown {
    const { card } = this.makeCard("toast", message, answers);
    const given = Number(this.getAttribute("seconds") ?? secondsDefault);
    const seconds = given >= 0 ? given : secondsDefault;
    const stop = seconds === 0 ? undefined : closeAfter(card, seconds * 1_000, () => answers.ended());
    // Above those that are there: what somebody points at or reads stays where it is.
    this.#list.prepend(card);
    return {
      element: card,
      close: () => {
        stop?.();
        card.remove();
      },
    };
  }
}

/** @returns a function that stops the clock. */
function closeAfter(card: HTMLElement, ms: number, close: () => void): () => void {
  const stopped = new AbortController();
  const { signal } = stopped;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wind = () => {
    clearTimeout(timer);
    const isHeld = card.matches(":hover") || card.matches(":focus-within") || document.visibilityState === "hidden";
    timer = isHeld ? undefined : setTimeout(close, ms);
  };
  // After a pause the whole time runs again: nobody can tell how far he had read.
  for (const name of ["mouseenter", "mouseleave", "focusin"]) card.addEventListener(name, wind, { signal });
  // The focus has not moved yet while this is called.
  card.addEventListener("focusout", () => queueMicrotask(wind), { signal });
  document.addEventListener("visibilitychange", wind, { signal });
  wind();
  return () => {
    stopped.abort();
    clearTimeout(timer);
  };
}
