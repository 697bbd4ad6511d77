import pino, { type Logger } from "pino";

/** Lines of JSON on stderr, so that a program's own answers keep stdout to themselves. */
export function createLogger(options: { readonly level: string; readonly name: string }): Logger {
  return pino(
    { level: options.level, base: { name: options.name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: false }),
  );
}
