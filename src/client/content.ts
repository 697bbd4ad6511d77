import { type JsonObject, toObject, toText } from "./json.ts";

/** Something the user can do on an intervention. */
export interface Action {
  readonly id: string;
  readonly label: string;
  /** Empty when the page itself handles the action. */
  readonly url: string;
}

/** What the user sees. It is plain text: put it into `textContent`, never into `innerHTML`. */
export interface Content {
  readonly title: string;
  readonly body: string;
  /** May be empty. */
  readonly imageUrl: string;
  readonly actions: readonly Action[];
  /** Whatever the sender put beside it for the page; `{}` when nothing. */
  readonly data: JsonObject;
}

export function parseContent(value: unknown): Content {
  const content = toObject(value) ?? {};
  const actions = Array.isArray(content.actions) ? content.actions : [];
  return {
    title: toText(content.title),
    body: toText(content.body),
    imageUrl: toText(content.imageUrl),
    actions: actions.map((entry) => {
      const action = toObject(entry) ?? {};
      return { id: toText(action.id), label: toText(action.label), url: toText(action.url) };
    }),
    data: toObject(content.data) ?? {},
  };
}
