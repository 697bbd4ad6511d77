import { findLanguage, type Language } from "../domain/spoken-language.ts";
import type { EdgeRequest, EdgeResponse } from "../gateway/index.ts";

/** The user's own, or else the first that his browser asks for and is spoken (RFC 9110, section 12.5.4, without weights: browsers write
 *  them in order). */
export function toLanguage({ headers }: Pick<EdgeRequest, "headers">, locale = ""): Language {
  const asked = (headers.get("accept-language") ?? "").split(",");
  return [locale, ...asked].flatMap((one) => findLanguage(one) ?? [])[0] ?? "en";
}

/** It loads nothing, runs nothing, and posts only to where it came from. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/** A page of its own, without script.
 *  @param page.body HTML: whatever comes from elsewhere is escaped already. */
export function toPage(page: {
  readonly status: number;
  readonly language: Language;
  readonly title: string;
  readonly body: string;
}): EdgeResponse {
  const { status, language, title, body } = page;
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-robots-tag": "noindex",
      "content-security-policy": POLICY,
    },
    body: `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${STYLE}</style></head>
<body><main><h1>${title}</h1>${body}</main></body></html>
`,
  };
}

const STYLE = `:root{color-scheme:light dark}*{box-sizing:border-box}body{margin:0;font:1.1rem/1.5 system-ui,sans-serif;display:grid;min-height:100vh;place-items:center}
main{width:100%;max-width:36rem;padding:1.5rem}h1{font-size:1.5rem;line-height:1.25}
button{font:inherit;padding:.7rem 1.4rem;border:2px solid CanvasText;border-radius:.5rem;background:CanvasText;color:Canvas;cursor:pointer}
button.second{background:none;color:inherit}a{color:LinkText}
:is(button,input,select,a):focus-visible{outline:3px solid Highlight;outline-offset:3px}
fieldset{border:1px solid GrayText;border-radius:.5rem;margin:0 0 1.25rem;padding:.5rem 1.1rem 1rem}legend{font-weight:600;padding:0 .4rem}
.row{display:flex;gap:.75rem;align-items:flex-start;padding:.45rem 0}.row input[type=checkbox]{flex:none;width:1.3rem;height:1.3rem;margin:.15rem 0 0}
.times{display:flex;flex-wrap:wrap;gap:1rem}.times label{display:grid;gap:.2rem}
input[type=time],select{font:inherit;padding:.45rem .6rem;border:1px solid GrayText;border-radius:.4rem;max-width:100%}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem}.said{border-left:4px solid;padding:.4rem .9rem;margin:0 0 1.25rem}.note{font-size:.95rem;margin:.3rem 0 0}`;
