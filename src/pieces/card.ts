import type { Content } from "../client/index.ts";
import { make, makeButton, makeIcon, toWebUrl } from "./dom.ts";

const cross = "M6 6l12 12M18 6L6 18";

/** A message's title, text and picture. The sender's language may run the other way than the page's, so each text finds its own. */
export function makeText({ title, body, imageUrl }: Content, titleId: string): HTMLElement[] {
  const image = toWebUrl(imageUrl);
  return [
    ...(image === undefined ? [] : [make("img", { part: "image", src: image, alt: "" })]),
    make(
      "div",
      { part: "text", class: "text" },
      make("strong", { part: "title", id: titleId, dir: "auto" }, title),
      ...(body === "" ? [] : [make("p", { part: "body", dir: "auto" }, body)]),
    ),
  ];
}

/** One button or link an action. A bad address leaves a button, so that the page itself can still handle it. */
export function makeActions({ actions }: Content, clicked: (actionId: string) => void): HTMLElement[] {
  if (actions.length === 0) return [];
  const made = actions.map(({ id, label, url }, index) => {
    const part = index === 0 ? "action action-first" : "action";
    const href = toWebUrl(url);
    if (href === undefined) return makeButton({ part, dir: "auto", class: part }, label, () => clicked(id));
    const link = make("a", { part, dir: "auto", class: part, href }, label);
    link.addEventListener("click", () => clicked(id));
    return link;
  });
  return [make("div", { part: "actions", class: "actions" }, ...made)];
}

export function makeClose(label: string, close: () => void): HTMLButtonElement {
  const button = makeButton({ part: "close", class: "close", "aria-label": label }, "", close);
  button.append(makeIcon(cross));
  return button;
}
