// What every `npm run` of this project goes through: puts in place what is missing, then runs a program on Node 22.
// Plain JavaScript without dependencies, since it runs in a fresh clone on whatever Node is there.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const nodeMajorMin = 20;
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

if (Number(process.versions.node.split(".")[0]) < nodeMajorMin) {
  process.stderr.write(`This is Node ${process.versions.node}: install Node ${nodeMajorMin} or newer and try again.\n`);
  process.exit(1);
}

// Loaded only now: an older Node would fail on their syntax with a stack trace in place of the sentence above.
const { setUp } = await import("./set-up.mjs");
const { runProgram } = await import("./run-program.mjs");
const { SetupFailure, say } = await import("./say.mjs");
const { watchNpm } = await import("./watch-parent.mjs");

const stopping = new AbortController();
let isRunning = false;
// Everything below us is tied to us, so that our end is theirs. During the set-up there is nothing to stop in order.
watchNpm({
  onStopped: () => (isRunning ? stopping.abort() : process.exit(1)),
  onKilled: () => process.exit(1),
});
try {
  const node = await setUp(root);
  isRunning = true;
  process.exitCode = await runProgram({ node, root, args: process.argv.slice(2), stop: stopping.signal });
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  say(error.message);
  process.exitCode = 1;
}
