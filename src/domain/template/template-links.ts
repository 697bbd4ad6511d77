/** Links to pages of the engine's own, for variables `from` `links.preferences`. */
export type TemplateLinks = {
  /** Where the user says what he wants to get; absent where nobody knows how this engine is reached. */
  readonly preferences?: string | undefined;
};

export const LINKS_FROM: ReadonlySet<string> = new Set(["links.preferences"]);
