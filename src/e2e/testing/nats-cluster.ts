import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { tiedSpawn } from "../../../deploy/setup/tied-spawn.mjs";
import { freePort } from "../../start/index.ts";
import { binaryPath } from "../../start/kept-server.ts";
import { until } from "../../testing/until.ts";

const NODES = 3;
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 5_000;
const configPath = fileURLToPath(new URL("../../../deploy/nats/cluster.conf", import.meta.url));
const toolsDir = fileURLToPath(new URL("../../../.tools/embedded", import.meta.url));

type Node = {
  readonly name: string;
  readonly port: number;
  readonly monitorPort: number;
  readonly args: readonly string[];
  child: ChildProcess | undefined;
};

/** Three NATS servers on the configuration that a deployment runs, as plain processes on loopback ports. */
export class NatsCluster implements AsyncDisposable {
  readonly #dir: string;
  readonly #nodes: readonly Node[];

  private constructor(dir: string, nodes: readonly Node[]) {
    this.#dir = dir;
    this.#nodes = nodes;
  }

  /** Returns when the three have found each other and chosen a leader. */
  static async start(dir: string): Promise<NatsCluster> {
    const routePorts = await Promise.all(Array.from({ length: NODES }, freePort));
    const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`);
    const nodes = await Promise.all(
      routes.map(async (listen, i): Promise<Node> => {
        const [name, port, monitorPort] = [`nats-${i + 1}`, await freePort(), await freePort()];
        const place = ["--server_name", name, "--store_dir", join(dir, name)];
        const client = ["--addr", "127.0.0.1", "--port", String(port), "--http_port", String(monitorPort)];
        const cluster = ["--cluster_listen", listen, "--routes", routes.join(",")];
        return {
          name,
          port,
          monitorPort,
          args: ["--config", configPath, ...place, ...client, ...cluster],
          child: undefined,
        };
      }),
    );
    const started = new NatsCluster(dir, nodes);
    try {
      for (const { name } of nodes) started.startNode(name);
      await started.healthy();
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  get url(): string {
    return this.#nodes.map(({ port }) => `nats://127.0.0.1:${port}`).join(",");
  }

  get monitorUrl(): string {
    return this.#nodes.map(({ monitorPort }) => `http://127.0.0.1:${monitorPort}`).join(",");
  }

  startNode(name: string): void {
    const node = this.#node(name);
    mkdirSync(join(this.#dir, "logs"), { recursive: true });
    const log = openSync(join(this.#dir, "logs", `${name}.log`), "a");
    const { PATH, HOME } = process.env;
    node.child = tiedSpawn(binaryPath(toolsDir, "nats"), node.args, {
      stdio: ["ignore", log, log],
      env: { PATH, HOME },
    });
    closeSync(log);
  }

  /** Kills a node with -9; it stays down. */
  async killNode(name: string): Promise<void> {
    await end(this.#node(name), "SIGKILL");
  }

  /** Returns when every node has recovered its streams and follows a leader. */
  async healthy(): Promise<void> {
    for (const { name, monitorPort } of this.#nodes)
      await until(() => isWell(`http://127.0.0.1:${monitorPort}`), `${name} is well`, START_MS_MAX);
  }

  /** The node that leads a stream, as the nodes that run see it. */
  leaderOf(stream: string): Promise<string> {
    return until(async () => {
      for (const { child, monitorPort } of this.#nodes) {
        if (child === undefined) continue;
        const answer = await fetch(`http://127.0.0.1:${monitorPort}/jsz?streams=true`);
        const { account_details } = jsz.parse(await answer.json());
        const found = account_details.flatMap(({ stream_detail }) => stream_detail).find(({ name }) => name === stream);
        if (found?.cluster?.leader !== undefined) return found.cluster.leader;
      }
      return undefined;
    }, `${stream} has a leader`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => end(node, "SIGTERM")));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #node(name: string): Node {
    const node = this.#nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }
}

const jsz = z.object({
  account_details: z
    .array(
      z.object({
        stream_detail: z
          .array(z.object({ name: z.string(), cluster: z.object({ leader: z.string().optional() }).optional() }))
          .default([]),
      }),
    )
    .default([]),
});

async function isWell(monitorUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${monitorUrl}/healthz`)).ok;
  } catch {
    // Not listening yet.
    return false;
  }
}

async function end(node: Node, signal: NodeJS.Signals): Promise<void> {
  const { child } = node;
  node.child = undefined;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}
