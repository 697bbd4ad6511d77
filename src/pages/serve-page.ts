import type { Logger } from "pino";
import { OverLimit, Unavailable } from "../domain/errors.ts";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "../gateway/index.ts";
import { toLanguage, toPage } from "./page.ts";
import { PAGE_TEXTS } from "./page-texts.ts";

/** A page's look and what its form does. */
type PageHandlers = {
  readonly get: (request: EdgeRequest) => EdgeResponse | Promise<EdgeResponse>;
  readonly post: (request: EdgeRequest) => Promise<EdgeResponse>;
};

/** Serves a page for people: what can't be done now is to be tried again, which is said in their language.
 *  @param options.bodyBytesMax of the form. */
export function servePage(
  edge: EdgeServer,
  path: string,
  handlers: PageHandlers,
  { log, ...options }: { readonly log: Logger; readonly bodyBytesMax?: number },
): void {
  for (const method of ["get", "post"] as const)
    edge.route(
      method,
      path,
      async (request) => {
        try {
          return await handlers[method](request);
        } catch (error) {
          if (!(error instanceof Unavailable || error instanceof OverLimit)) throw error;
          log.warn({ event: "page_put_off", path, method, err: error }, "a page can't be served at the moment");
          return toLater(request, error.retryAfterMs);
        }
      },
      options,
    );
}

function toLater(request: EdgeRequest, retryAfterMs: number): EdgeResponse {
  const language = toLanguage(request);
  const { later: title, again } = PAGE_TEXTS[language];
  const page = toPage({ status: 503, language, title, body: `<p role="status">${again}</p>` });
  return { ...page, headers: { ...page.headers, "retry-after": String(Math.ceil(retryAfterMs / 1_000)) } };
}
