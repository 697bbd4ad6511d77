import type { JsonValue } from "@bufbuild/protobuf";

/** One value of a profile, with the change that set it. Null: taken away by that change. */
export type Register = {
  readonly value: JsonValue;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Decides between changes of one time. */
  readonly id: string;
};

/** A profile as everything that was ever said of it and still stands, by key: `time_zone`, `locale`, `quiet_hours`, `attribute/{name}`,
 *  `address/{channel}/{address}`, `primary/{channel}`, `consent/{channel}/{purpose}/{granted|implied|denied}`. */
export type Registers = ReadonlyMap<string, Register>;

/** Of each value the newer: by time, then id, then the value itself, so that two that differ are never equally new. Hence the
 *  order, the number of times and the grouping in which changes are joined make no difference: it is the last-writer-wins map of
 *  Shapiro et al., "A comprehensive study of convergent and commutative replicated data types" (INRIA RR-7506, 2011), 3.2.1.
 *  @returns `a` itself when `b` has nothing newer. */
export function joinRegisters(a: Registers, b: Registers): Registers {
  const newer = [...b].filter(([key, register]) => isNewer(register, a.get(key)));
  return newer.length === 0 ? a : new Map([...a, ...newer]);
}

/** Whether the first outdates the second. */
export function isNewer(one: Register, other: Register | undefined): boolean {
  if (other === undefined) return true;
  if (one.at !== other.at) return one.at > other.at;
  if (one.id !== other.id) return one.id > other.id;
  return toCanonicalText(one.value) > toCanonicalText(other.value);
}

/** A value as a text that is the same whatever order its names come in. */
function toCanonicalText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(toCanonicalText).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, child]) => `${JSON.stringify(name)}:${toCanonicalText(child)}`).join()}}`;
}

/** Registers as a text to be stored. */
export const toRegistersText = (registers: Registers): string =>
  JSON.stringify([...registers].map(([key, { value, at, id }]) => [key, value, at, id]));

/** Reads what `toRegistersText` wrote. */
export function fromRegistersText(text: string): Registers {
  const rows: [string, JsonValue, number, string][] = JSON.parse(text);
  return new Map(rows.map(([key, value, at, id]) => [key, { value, at, id }]));
}
