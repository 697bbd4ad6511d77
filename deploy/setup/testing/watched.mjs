import { watchNpm } from "../watch-parent.mjs";

// Stands for run.mjs: ends when the npm above it does. Prints its own pid, and stays.
watchNpm(() => process.exit(1));
process.stdout.write(`${process.pid}\n`);
setInterval(() => {}, 1_000);
