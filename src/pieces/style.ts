/** Colours are the system's own (Canvas), which follow the page's `color-scheme`; every one can be set by a custom property. Sides are
 *  logical, so that they turn round where text runs from right to left. */
const css = `
:host { --accent: var(--engine-accent, #3b5bdb); --on-accent: var(--engine-on-accent, #fff);
  --back: var(--engine-background, Canvas); --ink: var(--engine-color, CanvasText);
  --line: var(--engine-border, color-mix(in srgb, var(--ink) 18%, transparent));
  --soft: color-mix(in srgb, var(--ink) 7%, transparent);
  --round: var(--engine-radius, .75rem); --lift: var(--engine-shadow, 0 .5rem 2rem rgb(0 0 0 / .22));
  --layer: var(--engine-layer, 1000); }
.card, .panel, .bell { font: 1rem/1.45 var(--engine-font, system-ui, sans-serif); color: var(--ink); text-align: start; }
:host([hidden]) { display: none !important; }
:host([theme=light]) { color-scheme: light; }
:host([theme=dark]) { color-scheme: dark; }
*, ::before { box-sizing: border-box; }
.card p, ul, h2, .note p { margin: 0; padding: 0; list-style: none; font: inherit; }
button, a { font: inherit; color: inherit; cursor: pointer; }
button:focus-visible, a:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
svg { display: block; width: 1.25rem; height: 1.25rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.card { display: flex; gap: .875rem; align-items: flex-start; background: var(--back); color: var(--ink); border: 1px solid var(--line);
  border-radius: var(--round); padding: 1rem; overflow-wrap: anywhere; }
.main { flex: 1; min-width: 0; display: grid; gap: .75rem; }
.text { display: grid; gap: .125rem; }
strong { font-weight: 600; }
[part=body] { opacity: .85; white-space: pre-line; }
img { object-fit: cover; border-radius: calc(var(--round) - .25rem); flex: none; inline-size: 4rem; block-size: 4rem; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; }
.action, .plain { display: inline-flex; align-items: center; min-block-size: 2.5rem; padding: .25rem .875rem; border: 1px solid var(--line);
  border-radius: calc(var(--round) - .25rem); background: var(--soft); text-decoration: none; }
.action-first { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.close, .bell { flex: none; display: grid; place-items: center; inline-size: 2.5rem; block-size: 2.5rem; border: 0; border-radius: 50%;
  background: none; }
.close { margin-block: -.5rem; margin-inline-end: -.5rem; }
.close:hover, .bell:hover, .plain:hover { background: var(--soft); }
.toasts { position: fixed; z-index: var(--layer); inset-block-end: 1rem; inset-inline-end: 1rem; inline-size: min(24rem, 100vw - 2rem);
  display: grid; gap: .75rem; }
.toast { box-shadow: var(--lift); border-inline-start: 4px solid var(--accent); }
.banners { position: sticky; z-index: var(--layer); inset-block-start: 0; }
.banner { align-items: center; border-width: 0 0 1px; border-radius: 0; padding: .75rem max(1rem, (100% - 72rem) / 2); }
.banner .main { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1.5rem; }
.banner .text { flex: 1 1 18rem; }
.banner img { inline-size: 3rem; block-size: 3rem; }
.banner .close { margin: 0; }
@media (max-width: 40rem) { .banner { align-items: flex-start; } }
dialog { color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: calc(var(--round) + .25rem); padding: 0;
  inline-size: min(30rem, 100vw - 2rem); max-block-size: calc(100dvh - 2rem); box-shadow: var(--lift); }
dialog::backdrop { background: rgb(0 0 0 / .5); }
.modal { border: 0; border-radius: 0; padding: 1.5rem; background: none; position: relative; }
.modal .main { gap: 1.25rem; }
.modal img { inline-size: 100%; block-size: auto; max-block-size: 16rem; }
.modal .text { gap: .5rem; }
.modal .text:first-child { padding-inline-end: 2rem; }
.modal strong { font-size: 1.25rem; line-height: 1.3; }
.modal .close { position: absolute; inset-block-start: .75rem; inset-inline-end: .75rem; margin: 0; background: var(--back); }
:host(engine-inbox) { display: inline-block; position: relative; }
.bell { position: relative; }
.badge { position: absolute; inset-block-start: 0; inset-inline-end: -.125rem; min-inline-size: 1.25rem; padding-inline: .3125rem; border-radius: 1rem;
  background: var(--engine-badge, #c92a2a); color: var(--engine-on-badge, #fff); font-size: .75rem; line-height: 1.25rem; text-align: center; }
.panel { position: absolute; z-index: var(--layer); inset-block-start: calc(100% + .5rem); inset-inline-end: 0; inline-size: min(24rem, 100vw - 2rem);
  max-block-size: min(32rem, 75dvh); overflow: auto; overscroll-behavior: contain; background: var(--back); border: 1px solid var(--line);
  border-radius: var(--round); box-shadow: var(--lift); }
.head { display: flex; align-items: center; justify-content: space-between; gap: .5rem; padding: .5rem 1rem; border-block-end: 1px solid var(--line);
  position: sticky; inset-block-start: 0; background: var(--back); min-block-size: 3.5rem; }
.head h2 { font-weight: 600; }
.panel .card { border-width: 0 0 1px; border-radius: 0; outline-offset: -3px; }
.panel li:last-child .card { border: 0; }
.unread strong::before { content: ""; display: inline-block; inline-size: .5rem; block-size: .5rem; margin-inline-end: .5rem; border-radius: 50%;
  background: var(--accent); vertical-align: .125em; }
.panel img { inline-size: 3rem; block-size: 3rem; }
.plain { background: none; border-color: transparent; padding-inline: .5rem; font-size: .875rem; text-decoration: underline; text-underline-offset: .2em; }
.item-tools { margin: -.25rem -.5rem; }
time { font-size: .8125rem; opacity: .75; }
.note { padding: 1.5rem 1rem; text-align: center; }
@media (max-width: 30rem) { .panel { position: fixed; inset-inline: 1rem; inset-block-start: 4rem; inline-size: auto; } }
@media (prefers-reduced-motion: no-preference) {
  .toast, .banner, dialog { animation: in .18s ease-out; }
  @keyframes in { from { opacity: 0; translate: 0 .5rem; } }
}
@media (forced-colors: active) { .action-first { border-width: 2px; } }
`;

let sheet: CSSStyleSheet | undefined;

/** One sheet for all pieces. Made by script from a constant, it needs no `style-src` of a strict content security policy. */
export function sharedSheet(): CSSStyleSheet {
  if (sheet === undefined) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css.replaceAll(/\s*\n\s*/g, ""));
  }
  return sheet;
}
