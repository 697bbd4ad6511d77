import { createHash } from "node:crypto";
import type { StoredMsg } from "@nats-io/jetstream";
import { headers as createHeaders, type MsgHdrs } from "@nats-io/transport-node";
import { NotFound } from "../domain/errors.ts";
import type { Bus } from "./connect-bus.ts";
import { readBatch } from "./read-batch.ts";
import type { StreamName } from "./subjects.ts";

/** A message that no worker could handle, whole, with what went wrong. */
export type DeadLetter = {
  readonly sequence: number;
  readonly stream: string;
  readonly subject: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly deadTime: Date;
  readonly data: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

/** Headers of the letter itself; all others are the message's own. */
const HEADER = {
  stream: "Dead-Stream",
  subject: "Dead-Subject",
  error: "Dead-Error",
  attempts: "Dead-Attempts",
} as const;
const ERROR_CHARACTERS_MAX = 500;

/** What is known of a message that is given up. */
export type Burial = {
  readonly stream: StreamName;
  readonly subject: string;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  readonly reason: "malformed" | "failed";
  readonly error: unknown;
  readonly attempts: number;
};

/** Stands for something by its id where a message's sequence is wanted: letters about the same one are one letter. */
export const toLetterNumber = (id: string): number => createHash("sha256").update(id).digest().readUIntBE(0, 6);

/** Copies a message to DEAD; only when that is on disk may the original be acknowledged. The same message is buried once. */
export async function bury(bus: Bus, burial: Burial): Promise<void> {
  const headers = createHeaders();
  for (const [name, values] of burial.headers ?? [])
    if (!isBrokerHeader(name)) for (const value of values) headers.append(name, value);
  headers.set(HEADER.stream, burial.stream);
  headers.set(HEADER.subject, burial.subject);
  headers.set(HEADER.attempts, String(burial.attempts));
  headers.set(HEADER.error, toHeaderText(burial.error));
  headers.set("Nats-Msg-Id", `${burial.stream}:${burial.sequence}:${burial.attempts}`);
  await bus.js.publish(
    bus.subjects.dead(bus.subjects.workspaceOf(burial.subject), burial.stream, burial.reason),
    burial.data,
    { headers },
  );
}

/** One workspace's letters after a sequence, oldest first. */
export async function listDeadLetters(
  bus: Bus,
  options: { readonly workspace: string; readonly after: number; readonly limit: number },
): Promise<DeadLetter[]> {
  const subject = bus.subjects.all.dead.replace(">", `${options.workspace}.>`);
  const stream = bus.subjects.stream("DEAD");
  const found = await readBatch(bus, { stream, subject, from: options.after + 1, limit: options.limit });
  return found.map(toDeadLetter);
}

/** Puts a message back where it came from, then removes the letter. Interrupted in between it is handled twice, never lost:
 *  workers know what they did before.
 *  @throws NotFound when this workspace has no such letter. */
export async function replayDeadLetter(
  bus: Bus,
  options: { readonly workspace: string; readonly sequence: number },
): Promise<void> {
  const message = await getLetter(bus, options);
  const letter = toDeadLetter(message);
  const headers = createHeaders();
  for (const [name, value] of Object.entries(letter.headers)) headers.set(name, value);
  await bus.js.publish(letter.subject, letter.data, { headers });
  await bus.jsm.streams.deleteMessage(bus.subjects.stream("DEAD"), options.sequence);
}

/** Removes a letter for good.
 *  @throws NotFound when this workspace has no such letter. */
export async function dropDeadLetter(
  bus: Bus,
  options: { readonly workspace: string; readonly sequence: number },
): Promise<void> {
  await getLetter(bus, options);
  await bus.jsm.streams.deleteMessage(bus.subjects.stream("DEAD"), options.sequence);
}

async function getLetter(
  bus: Bus,
  { workspace, sequence }: { readonly workspace: string; readonly sequence: number },
): Promise<StoredMsg> {
  const message = sequence > 0 ? await bus.jsm.direct.getMessage(bus.subjects.stream("DEAD"), { seq: sequence }) : null;
  if (message === null || bus.subjects.workspaceOf(message.subject) !== workspace)
    throw new NotFound("dead letter", String(sequence));
  return message;
}

function toDeadLetter(message: StoredMsg): DeadLetter {
  const own: Record<string, string> = {};
  const dead = new Set<string>(Object.values(HEADER));
  for (const [name, [value]] of message.header) if (!dead.has(name) && !isBrokerHeader(name)) own[name] = value ?? "";
  return {
    sequence: message.seq,
    stream: message.header.get(HEADER.stream),
    subject: message.header.get(HEADER.subject),
    reason: message.subject.split(".").at(-1) ?? "",
    error: message.header.get(HEADER.error),
    attempts: Number(message.header.get(HEADER.attempts)),
    deadTime: message.time,
    data: message.data,
    headers: own,
  };
}

/** `Nats-` headers steer the broker (ids, batches, schedules): carried along they would act again. */
const isBrokerHeader = (name: string) => name.startsWith("Nats-");

function toHeaderText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/[\r\n]+/g, " ").slice(0, ERROR_CHARACTERS_MAX);
}
