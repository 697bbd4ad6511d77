import { watchNpm } from "../watch-parent.mjs";

// Stands for run.mjs: prints its own pid and stays, until the npm above it goes; then it says how that went.
const end = (how) => {
  process.stderr.write(how);
  process.exit(1);
};
watchNpm({ onStopped: () => end("stopped"), onKilled: () => end("killed") });
process.stdout.write(`${process.pid}\n`);
setInterval(() => {}, 1_000);
