import type { Db, Document, MongoClient } from "mongodb";

/** Something that was asked of the server. */
export type Query = {
  readonly collection: string;
  /** The collection, and the command without values: two that differ in values alone are found by the same index. */
  readonly shape: string;
  /** The command as the server explains it. */
  readonly command: Document;
};

/** Hears what a client sends. It must have been made with `monitorCommands`. */
export function hearQueries(client: MongoClient): { readonly queries: Map<string, Query>; stop(): void } {
  const queries = new Map<string, Query>();
  const hear = ({ command }: { readonly command: Document }) => {
    for (const query of toQueries(command)) queries.set(query.shape, query);
  };
  client.on("commandStarted", hear);
  return { queries, stop: () => void client.off("commandStarted", hear) };
}

function toQueries(command: Document): Query[] {
  const { find, aggregate, update, findAndModify } = command;
  if (typeof find === "string") return [toFind(find, command.filter ?? {}, command.sort)];
  if (typeof findAndModify === "string") return [toFind(findAndModify, command.query ?? {}, command.sort)];
  if (typeof update === "string") return command.updates.map(({ q }: Document) => toFind(update, q));
  if (typeof command.delete === "string") return command.deletes.map(({ q }: Document) => toFind(command.delete, q));
  if (typeof aggregate !== "string") return [];
  const { pipeline } = command;
  return [{ collection: aggregate, ...toQuery({ aggregate, pipeline, cursor: {} }, aggregate, pipeline) }];
}

/** What changes documents finds them as a read with the same filter does. */
function toFind(collection: string, filter: Document, sort: Document = {}): Query {
  const command = { find: collection, filter, ...(Object.keys(sort).length === 0 ? {} : { sort }) };
  return { collection, ...toQuery(command, collection, [filter, sort]) };
}

const toQuery = (command: Document, collection: string, asked: unknown) => ({
  command,
  shape: `${collection} ${JSON.stringify(asked, toBlank)}`,
});

/** Keys and operators stay. */
function toBlank(_: string, value: unknown): unknown {
  if (Array.isArray(value) && value.every((each) => typeof each !== "object")) return [];
  return typeof value === "object" ? value : "?";
}

/** How the server would find it: the names of the indexes it goes by, `_id_` among them, and whether it scans the collection. */
export async function explainQuery(
  db: Db,
  { command }: Query,
): Promise<{ readonly indexes: readonly string[]; readonly isScan: boolean; readonly plan: string }> {
  const plan = JSON.stringify(await db.command({ explain: command, verbosity: "queryPlanner" }));
  const named = [...plan.matchAll(/"indexName":"([^"]+)"/g)].flatMap(([, name]) => name ?? []);
  const indexes = plan.includes("IDHACK") ? [...named, "_id_"] : named;
  return { indexes, isScan: plan.includes("COLLSCAN"), plan };
}
