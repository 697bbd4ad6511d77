import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

describe("the pieces' browser build", () => {
  it("is under 12 KB gzipped beside the client, imports nothing and has nothing of other folders in it", async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: [new URL("index.ts", import.meta.url).pathname],
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2022",
      platform: "browser",
      metafile: true,
      write: false,
    });
    const text = outputFiles[0]?.text ?? "";
    expect(gzipSync(text, { level: 9 }).byteLength).toBeGreaterThan(1_000);
    expect(gzipSync(text, { level: 9 }).byteLength).toBeLessThan(12 * 1024);
    expect(text).not.toMatch(/\bnode:|\brequire\(|\bprocess\.|innerHTML|\beval\(/);
    expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
    expect(Object.keys(metafile.inputs).filter((path) => !/(^|\/)src\/pieces\/[^/]+\.ts$/.test(path))).toEqual([]);
  });
});
