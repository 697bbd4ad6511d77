import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { Folder, Kept, Thing } from "./thing.ts";

/** How one kind of thing is read, made and changed through its service. */
export type Kind = {
  readonly folder: Folder;
  /** @returns the content in the form in which equal ones are equal.
   *  @throws Error when it has no such form, saying what is wrong with it. */
  readonly parse: (content: JsonValue) => JsonObject;
  /** Those of the same kind that must be there before. */
  readonly listUsed: (content: JsonObject) => readonly string[];
  /** All of them, also those that are over. */
  readonly list: () => Promise<Kept[]>;
  readonly create: (thing: Thing) => Promise<Kept>;
  /** @param kept as it was read: when it is no longer so, nothing changes and this throws. */
  readonly update: (thing: Thing, kept: Kept) => Promise<Kept>;
};

/** Reads all pages of a list. */
export async function listAll<T>(
  readPage: (pageToken: string) => Promise<{ readonly items: readonly T[]; readonly nextPageToken: string }>,
): Promise<T[]> {
  const all: T[] = [];
  for (let pageToken = ""; ; ) {
    const { items, nextPageToken } = await readPage(pageToken);
    all.push(...items);
    if (nextPageToken === "") return all;
    pageToken = nextPageToken;
  }
}

/** Where an engine answers, and calls to it. */
export type Engine = { readonly url: string; readonly transport: Transport };

/** The workspace of `workspaces/{workspace}/…`, told from those of the same name elsewhere. */
export const toPlace = ({ url }: Engine, name: string): string => `${url}/${name.split("/").slice(0, 2).join("/")}`;

/** The content without some fields. */
export const without = (content: JsonObject, fields: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(content).filter(([field]) => !fields.includes(field)));

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
