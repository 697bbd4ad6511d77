/** A set-up that cannot go on. The message is one sentence: what stands in the way, and the way out. */
export class SetupFailure extends Error {
  name = "SetupFailure";
}

const tickMs = 1_000;
/** Where nobody watches a terminal, a line now and then says that it still works, without filling a log. */
const quietTickMs = 15_000;

/**
 * Runs one step of the set-up and says so on stderr: what, how far, and how long it took. stdout belongs to the program
 * that is started afterwards.
 *
 * @template T
 * @param {string} what such as "installing the dependencies"
 * @param {() => Promise<T>} work
 * @param {() => string} progress a few words, or "" while there is nothing to tell
 * @returns {Promise<T>}
 */
export async function step(what, work, progress = () => "") {
  const startedMs = performance.now();
  const isTerminal = process.stderr.isTTY === true;
  const seconds = () => `${Math.round((performance.now() - startedMs) / 1000)} s`;
  const line = () => `set-up: ${what} … ${[progress(), seconds()].filter(Boolean).join(", ")}`;
  say(`set-up: ${what} …`);
  const timer = setInterval(
    () => process.stderr.write(isTerminal ? `\r\u001b[2K${line()}` : `${line()}\n`),
    isTerminal ? tickMs : quietTickMs,
  );
  try {
    const result = await work();
    const took = ((performance.now() - startedMs) / 1000).toFixed(1);
    process.stderr.write(`${isTerminal ? "\r\u001b[2K" : ""}set-up: ${what}: done in ${took} s\n`);
    return result;
  } catch (error) {
    if (isTerminal) process.stderr.write("\r\u001b[2K");
    throw error;
  } finally {
    clearInterval(timer);
  }
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}
