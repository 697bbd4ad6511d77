import type { ClientEvent, EventKind, Resume } from "./frame.ts";
import { parseJson, toObject, toText } from "./json.ts";
import { Outbox } from "./outbox.ts";
import { type Fate, Seen } from "./seen.ts";

/** The part of the standard Storage that is used. */
export interface StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** What must outlive the page: a navigation goes on where the page before it stopped. */
export interface Memory {
  /** Whose; another user of the same tab must get nothing of it. */
  owner: string;
  resume: Resume | undefined;
  seen: Seen;
  outbox: Outbox;
}

export function newMemory(owner: string): Memory {
  return { owner, resume: undefined, seen: new Seen(), outbox: new Outbox() };
}

/** Remembers the newest offset of an epoch. A frame that comes late or twice never takes it back. */
export function advance(memory: Memory, offset: string): void {
  const { resume } = memory;
  if (resume !== undefined && isNewer(offset, resume.offset)) memory.resume = { epoch: resume.epoch, offset };
}

/** Compares decimal numbers of any length: an offset can be larger than a double holds. */
function isNewer(offset: string, than: string): boolean {
  return offset.length === than.length ? offset > than : offset.length > than.length;
}

export function formatMemory(memory: Memory): string {
  const { owner, resume, seen, outbox } = memory;
  return JSON.stringify({ version, owner, resume, seen: seen.entries(), outbox: outbox.events() });
}

/** A page may be older or newer than what the tab holds. */
const version = 1;

/** @returns undefined when the text is not ours, or spoilt. Single entries that are spoilt are left out. */
export function parseMemory(text: string): Memory | undefined {
  const stored = toObject(parseJson(text));
  if (stored === undefined || stored.version !== version) return undefined;
  const resume = toObject(stored.resume);
  return {
    owner: toText(stored.owner),
    resume: resume && { epoch: toText(resume.epoch), offset: toText(resume.offset) || "0" },
    seen: new Seen(list(stored.seen).flatMap(parseSeen)),
    outbox: new Outbox(list(stored.outbox).flatMap(parseEvent)),
  };
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

const fates: readonly string[] = ["shown", "withheld", "revoked"] satisfies Fate[];

function parseSeen(entry: unknown): [string, Fate][] {
  const [id, fate] = list(entry);
  return typeof id === "string" && typeof fate === "string" && fates.includes(fate) ? [[id, fate as Fate]] : [];
}

const kinds: readonly string[] = [
  "EVENT_KIND_DELIVERED",
  "EVENT_KIND_DISPLAYED",
  "EVENT_KIND_CLICKED",
  "EVENT_KIND_DISMISSED",
] satisfies EventKind[];

function parseEvent(entry: unknown): ClientEvent[] {
  const event = toObject(entry) ?? {};
  const ref = toText(event.ref);
  const interventionId = toText(event.interventionId);
  const kind = toText(event.kind);
  if (ref === "" || interventionId === "" || !kinds.includes(kind)) return [];
  const actionId = toText(event.actionId);
  const clickId = toText(event.clickId);
  return [
    {
      ref,
      kind: kind as EventKind,
      interventionId,
      occurTime: toText(event.occurTime),
      ...(actionId === "" ? {} : { actionId }),
      ...(clickId === "" ? {} : { clickId }),
    },
  ];
}
