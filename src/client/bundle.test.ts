import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

describe("the browser build", () => {
  it("is under 12 KB gzipped, imports nothing and consists of this folder alone", async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: [new URL("index.ts", import.meta.url).pathname],
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2022",
      // Any built-in of Node that was imported would not resolve for a browser, and fail the build.
      platform: "browser",
      metafile: true,
      write: false,
    });
    const text = outputFiles[0]?.text ?? "";
    expect(gzipSync(text, { level: 9 }).byteLength).toBeGreaterThan(1_000);
    expect(gzipSync(text, { level: 9 }).byteLength).toBeLessThan(12 * 1024);
    expect(text).not.toMatch(/\bnode:|\brequire\(|\bprocess\./);
    expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
    expect(Object.keys(metafile.inputs).filter((path) => !/(^|\/)src\/client\/[^/]+\.ts$/.test(path))).toEqual([]);
  });
});
