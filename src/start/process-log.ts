/** What the supervisor says, as events with fields; a pino logger fits as it is. */
export interface ProcessLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For callers who gave no log: nothing on a good day, one line on stderr for what someone should know. */
export const stderrLog: ProcessLog = {
  info: () => {},
  warn: (_fields, message) => void process.stderr.write(`${message}\n`),
  error: (_fields, message) => void process.stderr.write(`${message}\n`),
};
