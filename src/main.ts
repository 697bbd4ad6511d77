import { UnsyncedServer } from "./bus/index.ts";
import { ConfigError, loadConfig, type Role } from "./config.ts";
import { ServiceContainer, type ServiceKey } from "./container.ts";
import { Unavailable } from "./domain/errors.ts";
import { defineServices } from "./services/index.ts";

/** Runs the roles named by ROLES in this process until a signal ends it. `npm start` runs several of these. */
async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const container = new ServiceContainer();
  const services = defineServices(config);
  try {
    // The metrics and health of a process are served by its first port, so ports come last: what answers is ready.
    const inOrder: readonly (readonly [Role, ServiceKey<unknown>])[] = [
      ["track", services.track],
      ["track", services.reports],
      ["track", services.rollup],
      ["track", services.outward],
      ["schedule", services.schedule],
      ["schedule", services.segmentMembers],
      ["deliver", services.deliver],
      ["decide", services.decide],
      ["intake", services.intake],
      ["gateway", services.gateway],
      ["api", services.api],
    ];
    for (const [role, service] of inOrder) if (config.ROLES.includes(role)) await container.get(service);
    if (!config.ROLES.includes("gateway") && !config.ROLES.includes("api")) await container.get(services.admin);
  } catch (error) {
    await container.stop();
    throw error;
  }
  const log = await container.get(services.log);
  log.info({ event: "ready", roles: config.ROLES }, "this process is ready");
  process.send?.({ kind: "ready" });
  await untilStopped();
  log.info({ event: "stopping", roles: config.ROLES }, "this process stops: it drains first");
  await container.stop();
}

/** A second signal ends the process at once, and so does a supervisor that is gone: nobody would start what is missing again. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (isStopping) process.exit(1);
        isStopping = true;
        resolve();
      });
    }
    process.on("disconnect", () => process.exit(1));
  });
}

/** What the person at the terminal can do something about is said in one sentence; all else is a bug, with its stack. */
function toSentence(error: unknown): string | undefined {
  if (error instanceof ConfigError || error instanceof UnsyncedServer) return error.message;
  if (error instanceof Unavailable)
    return error.part === "bus"
      ? "NATS does not answer: start it, or correct NATS_URL"
      : "MongoDB does not answer: start it, or correct MONGODB_URL";
  return error instanceof Error && /^(port \d+|can't listen)/.test(error.message) ? error.message : undefined;
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const sentence = toSentence(error);
  process.send?.({ kind: "failed", message: sentence ?? String(error) });
  if (sentence === undefined) throw error;
  // A supervisor tells it in its own words.
  if (process.send === undefined) process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
