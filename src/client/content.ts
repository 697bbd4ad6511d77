import { type JsonObject, toObject, toText } from "./json.ts";

/** Something the user can do on an intervention. */
export interface Action {
  readonly id: string;
  readonly label: string;
  /** Empty when the page itself handles the action. */
  readonly url: string;
}

/** What on a page shows a message. */
export type PresentationKind = "toast" | "banner" | "modal" | "inline";

/** Where on a page a message belongs. */
export interface Presentation {
  /** `toast` when the sender did not say, or said something that this version does not know. */
  readonly kind: PresentationKind;
  /** The placement's name when the kind is `inline`, else empty. */
  readonly placement: string;
  /** Of the page view that asked for it, or empty: no other shows it. */
  readonly viewId: string;
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
  readonly presentation: Presentation;
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
    presentation: parsePresentation(content.presentation),
  };
}

const kindOf: { readonly [name: string]: PresentationKind } = {
  KIND_BANNER: "banner",
  KIND_MODAL: "modal",
  KIND_INLINE: "inline",
};

function parsePresentation(value: unknown): Presentation {
  const presentation = toObject(value) ?? {};
  const name = toText(presentation.kind);
  const kind = (Object.hasOwn(kindOf, name) ? kindOf[name] : undefined) ?? "toast";
  return { kind, placement: toText(presentation.placement), viewId: toText(presentation.viewId) };
}
