import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { BSON } from "mongodb";
import type { EventDocument } from "../store/index.ts";

/** What a part has, as its manifest says. */
export type Contents = {
  readonly events: number;
  /** When the first and the last of them happened, ISO 8601; absent of none. */
  readonly firstTime?: string;
  readonly lastTime?: string;
  /** Of the lines, uncompressed, hex. */
  readonly sha256: string;
};

/** Adds up what lines have. */
export class ContentsSum {
  readonly #hash = createHash("sha256");
  #events = 0;
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  add(line: string, { occurredAt }: Pick<EventDocument, "occurredAt">): void {
    this.#hash.update(`${line}\n`);
    this.#events += 1;
    this.#first = Math.min(this.#first, occurredAt.getTime());
    this.#last = Math.max(this.#last, occurredAt.getTime());
  }

  toContents(): Contents {
    const times =
      this.#events === 0
        ? {}
        : { firstTime: new Date(this.#first).toISOString(), lastTime: new Date(this.#last).toISOString() };
    return { events: this.#events, ...times, sha256: this.#hash.digest("hex") };
  }
}

/** The lines of a part, one after another.
 *  @throws Error when the file is cut off or damaged. */
async function* readLines(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const gunzip = createGunzip();
  file.on("error", (error) => gunzip.destroy(error));
  file.pipe(gunzip).setEncoding("utf8");
  try {
    let rest = "";
    for await (const chunk of gunzip) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") throw new Error("the last line has no end");
  } catch (error) {
    throw new Error(`${path} is damaged: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

/** What is in a part, some at a time. */
export async function* readPart(path: string, atOnce: number): AsyncGenerator<readonly EventDocument[]> {
  let some: EventDocument[] = [];
  for await (const line of readLines(path)) {
    some.push(toEvent(line));
    if (some.length < atOnce) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}

/** Reads a part to its end and says what it has. */
export async function readContents(path: string): Promise<Contents> {
  const sum = new ContentsSum();
  for await (const line of readLines(path)) sum.add(line, toEvent(line));
  return sum.toContents();
}

export const toLine = (event: EventDocument): string => BSON.EJSON.stringify(event, { relaxed: true });

/** Lines are written by `toLine`, and what they say is held against their sum. */
const toEvent = (line: string): EventDocument => BSON.EJSON.parse(line, { relaxed: true }) as EventDocument;
