import type { Place } from "./template-problem.ts";

/** A constant in a template. */
export type Literal = string | number | boolean;

export type Comparison = "===" | "!==" | "<" | "<=" | ">" | ">=";

/** What can be asked of variables. There are no calls in it but of filters, and nothing changes anything. */
export type Expression = { readonly place: Place } & (
  | { readonly kind: "literal"; readonly value: Literal }
  /** `it.cart.items`: `it`, then the names. `item.name`: a loop's variable, then the names. */
  | { readonly kind: "path"; readonly root: string; readonly names: readonly string[] }
  | { readonly kind: "not"; readonly operand: Expression }
  | { readonly kind: "and" | "or" | "else"; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: "compare";
      readonly operator: Comparison;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "filter";
      readonly name: string;
      readonly operand: Expression;
      readonly parameters: readonly Expression[];
    }
);

/** Values that a piece is given, by name. */
export type Bindings = readonly { readonly name: string; readonly value: Expression }[];

/** What one tag says. */
export type Statement =
  | { readonly kind: "output"; readonly value: Expression; readonly isRaw: boolean }
  | { readonly kind: "if"; readonly condition: Expression }
  | { readonly kind: "else if"; readonly condition: Expression }
  | { readonly kind: "else" }
  | { readonly kind: "for"; readonly variable: string; readonly list: Expression }
  | { readonly kind: "with"; readonly bindings: Bindings }
  | { readonly kind: "block"; readonly name: string; readonly hasBody: boolean }
  | { readonly kind: "end"; readonly closes: "brace" | "block" }
  | { readonly kind: "include"; readonly name: string; readonly bindings: Bindings; readonly given: string }
  | { readonly kind: "layout"; readonly name: string }
  | { readonly kind: "comment" };
