/** A system call on a file or socket, as strace saw it. */
export type SystemCall = {
  readonly name: string;
  /** What the descriptor stands for: a path, or `socket:[inode]`. */
  readonly target: string;
  /** The descriptor, which tells connections apart. */
  readonly fd: number;
  readonly text: string;
  /** Seconds since the epoch. */
  readonly start: number;
  readonly end: number;
};

const WHOLE = /^(\d+)\s+(\d+\.\d+) (\w+)\((\d+)<([^>]*)>(.*?)(?: = .*?)?(?: <(\d+\.\d+)>)?$/;
const RESUMED = /^(\d+)\s+(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)$/;

/** Reads what `strace -f -ttt -T -y` wrote. Calls without a descriptor and signals are left out.
 *  @returns in order of their starts. */
export function parseSystemCalls(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const begun = new Map<string, SystemCall>();
  for (const line of trace.split("\n")) {
    const resumed = RESUMED.exec(line);
    if (resumed !== null) {
      const [, thread = "", time, , rest = ""] = resumed;
      const first = begun.get(thread);
      begun.delete(thread);
      // A read's bytes are known only once it is back.
      if (first !== undefined) calls.push({ ...first, text: first.text + rest, end: Number(time) });
      continue;
    }
    const whole = WHOLE.exec(line);
    if (whole === null) continue;
    const [, thread = "", time, name = "", fd, target = "", text = "", took = "0"] = whole;
    const start = Number(time);
    const call = { name, target, fd: Number(fd), text, start, end: start + Number(took) };
    if (text.includes("<unfinished ...>")) begun.set(thread, { ...call, text: text.replace("<unfinished ...>", "") });
    else calls.push(call);
  }
  return calls.sort((a, b) => a.start - b.start);
}
