import { tiedSpawn } from "../tied-spawn.mjs";

// Starts something that never ends, tied to this process; prints its pid, and stays.
const tie = process.argv[2];
const child = tiedSpawn("sleep", ["600"], { tie, stdio: ["ignore", "ignore", "ignore"] });
process.stdout.write(`${child.pid}\n`);
setInterval(() => {}, 1_000);
