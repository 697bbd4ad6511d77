import type { Profile } from "../../gen/intervention/v1/profile_pb.js";

/** A row of an imported file: what it says, or what is wrong with it. */
export type ImportRow = { readonly row: number } & (
  | {
      readonly kind: "good";
      readonly profile: Profile;
      /** What the file calls a field of the profile; the path itself where it has no name of its own. */
      readonly toField: (path: string) => string;
    }
  | { readonly kind: "bad"; readonly problems: readonly RowProblem[] }
);

/** What is wrong with a field; an empty one stands for the row as a whole. */
export type RowProblem = { readonly field: string; readonly description: string };

/** A longer row is more likely a quote or a line end that is missing. */
export const ROW_BYTES_MAX = 262_144;
