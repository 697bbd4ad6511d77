import type { InboxItem } from "../client/index.ts";
import { makeActions, makeText } from "./card.ts";
import { make, makeButton, makeIcon } from "./dom.ts";
import { Piece, type Wiring } from "./piece.ts";
import { whenSeen } from "./when-seen.ts";

const bellPath = "M6 9a6 6 0 0 1 12 0c0 6 2.5 7.5 2.5 7.5h-17S6 15 6 9M10 20a2.2 2.2 0 0 0 4 0";
const shownCountMax = 99;

/** `<engine-inbox>`: a bell with the number of unread messages, and the list of them. Escape closes it and gives the focus back; the arrow
 *  keys, Home and End go through the list. */
export class EngineInbox extends Piece {
  readonly #badge = make("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: "" });
  readonly #bell = makeButton(
    { class: "bell", part: "bell", "aria-haspopup": "dialog", "aria-expanded": "false" },
    "",
    () => (this.#panel.hidden ? this.#open() : this.#close()),
  );
  readonly #panel = make("div", { class: "panel", part: "panel", role: "dialog", tabindex: "-1", hidden: "" });
  readonly #list = make("ul", { part: "list" });
  readonly #seen = new Set<string>();
  #stop = new AbortController();
  #stopWatching: (() => void)[] = [];
  #unread = 0;

  constructor() {
    super();
    this.#bell.append(makeIcon(bellPath), this.#badge);
    this.root.append(this.#bell, this.#panel);
    this.root.addEventListener("keydown", (event) => event instanceof KeyboardEvent && this.#press(event));
  }

  protected wired(wiring: Wiring | undefined): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#close();
    if (wiring === undefined) return;
    this.#count(0);
    this.#panel.setAttribute("aria-label", wiring.texts.inbox);
    const stopListening = wiring.client.on("inbox", ({ unreadCount }) => {
      if (unreadCount === undefined) this.#try(async () => this.#count(await wiring.client.inbox.unreadCount()));
      else this.#count(unreadCount);
      if (!this.#panel.hidden) this.#load("");
    });
    signal.addEventListener("abort", stopListening);
    document.addEventListener(
      "pointerdown",
      (event) => {
        if (!event.composedPath().includes(this)) this.#close();
      },
      { signal },
    );
  }

  #count(unread: number): void {
    this.#unread = unread;
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > shownCountMax ? `${shownCountMax}+` : String(unread);
    const { texts } = this.wiring ?? {};
    if (texts === undefined) return;
    const count = texts.unread.replace("{count}", String(unread));
    this.#bell.setAttribute("aria-label", unread === 0 ? texts.inbox : `${texts.inbox}, ${count}`);
  }

  #open(): void {
    const { texts } = this.wiring ?? {};
    if (texts === undefined) return;
    this.#panel.replaceChildren(
      make(
        "div",
        { class: "head", part: "head" },
        make("h2", {}, texts.inbox),
        makeButton({ class: "plain", part: "tool" }, texts.markAllRead, () => this.#readAll()),
      ),
      this.#list,
    );
    this.#list.replaceChildren();
    this.#panel.hidden = false;
    this.#bell.setAttribute("aria-expanded", "true");
    this.#panel.focus();
    this.#load("");
  }

  #close(): void {
    for (const stop of this.#stopWatching.splice(0)) stop();
    const hadFocus = this.root.activeElement !== null && this.#panel.contains(this.root.activeElement);
    this.#panel.hidden = true;
    this.#bell.setAttribute("aria-expanded", "false");
    if (hadFocus) this.#bell.focus();
  }

  /** @param pageToken empty: from the newest, in place of what is there. */
  #load(pageToken: string): void {
    const { client, texts } = this.wiring ?? {};
    if (client === undefined || texts === undefined) return;
    this.#try(async () => {
      const page = await client.inbox.list({ pageToken });
      this.#count(page.unreadCount);
      const rows = page.items.map((item) => this.#makeRow(item));
      if (page.nextPageToken !== "") {
        const more = makeButton({ class: "plain", part: "tool" }, texts.more, () => {
          row.remove();
          this.#load(page.nextPageToken);
        });
        const row = make("li", { class: "note" }, more);
        rows.push(row);
      }
      if (pageToken === "") this.#list.replaceChildren();
      this.#list.append(...rows);
      if (this.#list.childElementCount === 0)
        this.#list.append(make("li", { class: "note", part: "empty" }, texts.empty));
    });
  }

  #makeRow(item: InboxItem): HTMLLIElement {
    const { client, texts, locale } = this.wiring ?? {};
    const row = make("li", {});
    if (client === undefined || texts === undefined) return row;
    const { id, content } = item;
    const titleId = `item-${id}`;
    const markRead = () =>
      this.#try(async () => {
        const unread = await client.inbox.markRead([id]);
        this.#count(unread);
        card.classList.remove("unread");
        readButton.remove();
      });
    const readButton = makeButton({ class: "plain", part: "tool" }, texts.markRead, () => {
      card.focus();
      markRead();
    });
    const archive = makeButton({ class: "plain", part: "tool" }, texts.archive, () =>
      this.#try(async () => {
        const unread = await client.inbox.archive([id]);
        const neighbour = row.nextElementSibling ?? row.previousElementSibling;
        row.remove();
        const next = neighbour?.querySelector("[tabindex]");
        (next instanceof HTMLElement ? next : this.#panel).focus();
        if (this.#list.childElementCount === 0) this.#load("");
        this.#count(unread);
      }),
    );
    const actions = makeActions(content, (actionId) => {
      client.track("clicked", id, actionId);
      if (item.readTime === undefined) markRead();
    });
    const tools = make(
      "div",
      { class: "actions item-tools" },
      ...(item.readTime === undefined ? [readButton] : []),
      archive,
    );
    const [first, ...texted] = makeText(content, titleId);
    const parts =
      first?.localName === "img" ? { image: [first], text: texted } : { image: [], text: first ? [first] : [] };
    const times = item.createTime === undefined ? [] : [makeTime(item.createTime, locale ?? "en")];
    const card = make(
      "article",
      {
        class: item.readTime === undefined ? "card unread" : "card",
        part: "item",
        tabindex: "-1",
        "aria-labelledby": titleId,
      },
      ...parts.image,
      make("div", { class: "main" }, ...parts.text, ...times, ...actions, tools),
    );
    row.append(card);
    if (!this.#seen.has(id)) {
      const stop = whenSeen(card, () => {
        this.#seen.add(id);
        client.track("displayed", id);
      });
      this.#stopWatching.push(stop);
    }
    return row;
  }

  #readAll(): void {
    const { client } = this.wiring ?? {};
    if (client === undefined) return;
    this.#try(async () => {
      // Page by page: those that are not on the screen yet are unread too.
      for (let pageToken: string | undefined = ""; pageToken !== undefined && this.#unread > 0; ) {
        const page = await client.inbox.list({ pageSize: 100, pageToken });
        const unread = page.items.filter(({ readTime }) => readTime === undefined).map(({ id }) => id);
        this.#count(await client.inbox.markRead(unread));
        pageToken = page.nextPageToken === "" ? undefined : page.nextPageToken;
      }
      this.#load("");
    });
  }

  #press(event: KeyboardEvent): void {
    if (this.#panel.hidden) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.#close();
      this.#bell.focus();
      return;
    }
    const cards = [...this.#list.querySelectorAll<HTMLElement>(".card")];
    const at = cards.findIndex((card) => card.contains(this.root.activeElement));
    const to = new Map([
      ["ArrowDown", Math.min(at + 1, cards.length - 1)],
      ["ArrowUp", Math.max(at - 1, 0)],
      ["Home", 0],
      ["End", cards.length - 1],
    ]).get(event.key);
    if (to === undefined) return;
    event.preventDefault();
    cards[to]?.focus();
  }

  #try(run: () => Promise<void>): void {
    run().catch(() => {
      const { texts } = this.wiring ?? {};
      if (texts === undefined || this.#panel.hidden) return;
      const again = makeButton({ class: "plain", part: "tool" }, texts.retry, () => this.#load(""));
      this.#list.replaceChildren(make("li", { class: "note", role: "alert" }, make("p", {}, texts.failed), again));
    });
  }
}

function makeTime(at: Date, locale: string): HTMLTimeElement {
  const text = at.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
  return make("time", { datetime: at.toISOString() }, text);
}
