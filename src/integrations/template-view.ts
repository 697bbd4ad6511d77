import { compileTemplate, type PublishedTemplate } from "../domain/template/index.ts";
import { findTemplateVersion, type Store } from "../store/index.ts";
import { LruCache } from "./lru-cache.ts";

/** Compiled, some hundred kilobytes of functions each for large ones. */
const KEPT_MAX = 500;

/** A version that was pinned. */
export type TemplateKey = { readonly workspaceId: string; readonly templateId: string; readonly version: number };

/** Published versions, compiled and kept: they never change, so that nothing has to be told of them. */
export class TemplateView {
  readonly #store: Store;
  readonly #kept = new LruCache<PublishedTemplate>(KEPT_MAX);

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns undefined when there is no such version. @throws Unavailable when the store does not answer. */
  async find(key: TemplateKey): Promise<PublishedTemplate | undefined> {
    const id = `${key.workspaceId}/${key.templateId}/${key.version}`;
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept;
    const compiled = (await findTemplateVersion(this.#store, key))?.compiled;
    if (compiled === undefined) return undefined;
    const template = compileTemplate(compiled);
    this.#kept.set(id, template);
    return template;
  }
}
