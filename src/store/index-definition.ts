import type { Document } from "mongodb";

/** An index as code: its name, its keys, and what it is restricted to. */
export type IndexDefinition = {
  readonly name: string;
  readonly key: Readonly<Record<string, 1 | -1>>;
  readonly unique?: boolean;
  readonly sparse?: boolean;
  readonly expireAfterSeconds?: number;
  readonly partialFilterExpression?: Document;
};
