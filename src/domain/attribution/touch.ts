/** Something that a shopper saw or did before he bought. */
export type Touch = {
  readonly id: string;
  readonly channel: string;
  readonly kind: "click" | "view";
  /** Milliseconds since 1970, whole. */
  readonly at: number;
};

/** How long before a conversion a touch still counts, by its kind; ≥ 0, in milliseconds. 0 counts only what is of the same one. */
export type Windows = { readonly clickMs: number; readonly viewMs: number };

/** The touches that a conversion at a time may be credited to, oldest first; those of one time in the order they came. Both edges of
 *  a window count: a touch at the conversion itself, and one a whole window before. */
export function eligibleTouches(touches: readonly Touch[], conversionAt: number, windows: Windows): Touch[] {
  return touches
    .filter(({ kind, at }) => {
      const age = conversionAt - at;
      return age >= 0 && age <= (kind === "click" ? windows.clickMs : windows.viewMs);
    })
    .sort((a, b) => a.at - b.at); // Stable, by the language's definition.
}
