import type { JsonObject } from "@bufbuild/protobuf";

/** Where files of a kind lie, in the order in which they are applied: what is named by others comes before them. */
export const FOLDERS = ["segments", "templates", "campaigns", "experiments"] as const;
export type Folder = (typeof FOLDERS)[number];

/** What is kept in a workspace and in a file of its own, without what the engine sets: its content is ProtoJSON of the authors' fields,
 *  with nothing that has its default. */
export type Thing = {
  readonly folder: Folder;
  readonly id: string;
  readonly content: JsonObject;
};

/** As a workspace has it. */
export type Kept = Thing & {
  /** Where it is kept: `https://engine.example:9090/workspaces/main`. */
  readonly place: string;
  readonly etag: string;
  /** It can't be changed any more: archived, completed or stopped. */
  readonly isOver: boolean;
};

/** `segments/regulars`: what a thing is called here, and where its file lies. */
export const toPath = ({ folder, id }: Pick<Thing, "folder" | "id">): string => `${folder}/${id}`;

/** A mistake of whoever called: text for a person, and no stack trace. */
export class Refused extends Error {}
