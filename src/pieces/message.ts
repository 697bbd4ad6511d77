import type { Content, Intervention } from "../client/index.ts";

/** Something for the page to show. */
export interface PageMessage {
  readonly id: string;
  readonly content: Content;
  /** Not shown any more after this. Undefined: it never ends. */
  readonly expireTimeMs: number | undefined;
}

export function toPageMessage({ id, content, expireTime }: Intervention): PageMessage {
  return { id, content, expireTimeMs: expireTime?.getTime() };
}

/** What the user does with a message on the screen. */
export interface Answers {
  /** @param actionId of the content's actions. */
  clicked(actionId: string): void;
  dismissed(): void;
  /** It went without the user: its time was over. */
  ended(): void;
  /** The element that held it was taken out of the page. */
  removed(): void;
}

/** A message on the screen. */
export interface Shown {
  /** What has to be in view for the message to count as displayed. */
  readonly element: Element;
  close(): void;
}

/** An element that shows messages. */
export interface Holder {
  hasRoomFor(message: PageMessage): boolean;
  show(message: PageMessage, answers: Answers): Shown;
}
