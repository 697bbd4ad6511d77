type Child = Node | string;

/** Makes an element. Text goes in as text alone, so that nothing a sender wrote can become markup. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: { readonly [name: string]: string },
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function makeButton(
  attributes: { readonly [name: string]: string },
  label: Child,
  press: () => void,
): HTMLButtonElement {
  const button = make("button", { type: "button", ...attributes }, label);
  button.addEventListener("click", press);
  return button;
}

const svg = "http://www.w3.org/2000/svg";

/** @param path in a box of 24 by 24. */
export function makeIcon(path: string): Element {
  const icon = document.createElementNS(svg, "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(svg, "path");
  line.setAttribute("d", path);
  icon.append(line);
  return icon;
}

/** @returns the address when a page may lead there or load it; undefined for `javascript:` and whatever else is not the web. */
export function toWebUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { href, protocol } = new URL(text);
  return protocol === "https:" || protocol === "http:" ? href : undefined;
}
