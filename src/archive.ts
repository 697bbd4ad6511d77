import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { restorePart, verifyPart } from "./archive/restore-part.ts";
import { ConfigError, loadConfig } from "./config.ts";
import { InvalidInput, Unavailable } from "./domain/errors.ts";
import { startEmbeddedServers } from "./start/embedded-servers.ts";
import { StartFailure } from "./start/start-failure.ts";
import { connectStore } from "./store/index.ts";

const help = `npm run archive -- verify [DIR]        reads every archived file back and holds it against its manifest; DIR: default ARCHIVE_DIR
npm run archive -- restore FILE ...    brings archived files back into the database of MONGODB_URL, or, while the engine stands, of
                                       DATA_DIR: each event once, figures stay as they are

The engine writes the files itself where ARCHIVE_DIR is set, before retention removes anything. See src/archive/README.md.
`;
const PART = ".ndjson.gz";

/** A mistake of the caller: one sentence, and no stack trace. */
class Refused extends Error {}

/** Where npm was called, which is not where npm runs us. */
const toPath = (given: string) => resolve(process.env.INIT_CWD ?? ".", given);

async function verify(given: string | undefined): Promise<void> {
  const dir = given ?? loadConfig(process.env).ARCHIVE_DIR;
  if (dir === undefined) throw new Refused(`which folder? Name it, or set ARCHIVE_DIR\n\n${help}`);
  const names = await readdir(toPath(dir), { recursive: true });
  const paths = names.filter((name) => name.endsWith(PART)).map((name) => join(toPath(dir), name));
  if (paths.length === 0) throw new Refused(`${dir} has no archived file`);
  let events = 0;
  for (const path of paths.toSorted((a, b) => (a < b ? -1 : 1))) {
    const found = await verifyPart(path);
    events += found.events;
    say({ file: path, events: found.events, first: found.firstTime, last: found.lastTime });
  }
  say({ files: paths.length, events });
}

async function restore(paths: readonly string[]): Promise<void> {
  if (paths.length === 0) throw new Refused(`which files?\n\n${help}`);
  const config = loadConfig(process.env);
  // The database alone: nothing is said to NATS.
  const servers = await startEmbeddedServers({
    ...{ dataDir: config.DATA_DIR, natsUrl: "nats://none", mongodbUrl: config.MONGODB_URL },
  });
  try {
    const store = await connectStore({
      ...{ url: servers.mongodbUrl, database: config.MONGODB_DATABASE, name: "intervention-engine archive" },
    });
    try {
      for (const path of paths) say({ file: path, ...(await restorePart(store, toPath(path))) });
    } finally {
      await store.close();
    }
  } finally {
    await servers.stop();
  }
}

const say = (fields: object) => process.stdout.write(`${JSON.stringify(fields)}\n`);

async function main([command, ...rest]: readonly string[]): Promise<void> {
  if (command === "--help") return void process.stdout.write(help);
  if (command === "verify" && rest.length <= 1) return verify(rest[0]);
  if (command === "restore") return restore(rest);
  throw new Refused(`${command === undefined ? "a command is wanted" : "there is no such command"}\n\n${help}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isToldAlone = [Refused, InvalidInput, ConfigError, StartFailure, Unavailable].some(
    (kind) => error instanceof kind,
  );
  if (!isToldAlone || !(error instanceof Error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
