import { appendFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

// Stands for src/main.ts in the supervisor's own tests: says that it is ready, notes what happens to it, drains slowly.
const { DATA_DIR = "", ROLES = "", NATS_URL = "", FAKE_FAILURE } = process.env;
const note = (what: string) => appendFileSync(join(DATA_DIR, "notes.txt"), `${ROLES} ${what}\n`);

if (FAKE_FAILURE !== undefined && ROLES === "track") {
  process.send?.({ kind: "failed", message: FAKE_FAILURE }, undefined, undefined, () => process.exit(1));
} else {
  process.on("SIGTERM", () => {
    const { hostname, port } = new URL(NATS_URL);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("data", () => end("drained while NATS was there"));
    socket.once("error", () => end("found NATS gone"));
  });
  setInterval(() => {}, 1_000);
  process.send?.({ kind: "ready" });
}

function end(how: string): void {
  note(how);
  process.exit(0);
}
