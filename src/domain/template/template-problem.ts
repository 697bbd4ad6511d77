import { type FieldViolation, InvalidInput } from "../errors.ts";

/** Where in which source. */
export type Place = {
  /** The field that holds the source, such as `template.draft.variants[0].email.mjml`. */
  readonly field: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
};

/** What is wrong with a template, and where. */
export type TemplateProblem = { readonly place: Place; readonly found: string; readonly expected: string };

/** Collects what is wrong, so that an author sees all of it at once; bounded, since one slip can make many. */
export class Problems {
  readonly #found: TemplateProblem[] = [];

  add(place: Place, found: string, expected: string): void {
    const isKnown = this.#found.some(
      (one) => one.found === found && one.place.line === place.line && one.place.column === place.column,
    );
    if (!isKnown && this.#found.length < PROBLEMS_MAX) this.#found.push({ place, found, expected });
  }

  get all(): readonly TemplateProblem[] {
    return this.#found;
  }

  /** @throws InvalidInput when there are any. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new InvalidInput(this.#found.map(toViolation));
  }
}

const PROBLEMS_MAX = 50;

const toViolation = ({ place, found, expected }: TemplateProblem): FieldViolation => ({
  field: place.field,
  description: `line ${place.line}, column ${place.column}: found ${found}; expected ${expected}`,
});

const SHOWN_MAX = 40;

/** A piece of source as an error may show it. */
export const quote = (text: string): string =>
  text.length <= SHOWN_MAX ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, SHOWN_MAX).toWellFormed())}…`;
