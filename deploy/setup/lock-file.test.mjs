import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeLock } from "./lock-file.mjs";

describe("a lock file", () => {
  let dir;
  let path;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "lock-"));
    path = join(dir, "lock");
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("is held by one, and tells the others by whom", async () => {
    const first = await takeLock(path);
    expect(first.kind).toBe("taken");
    expect(await takeLock(path)).toEqual({ kind: "held", pid: process.pid });
    await first.release();
    expect((await takeLock(path)).kind).toBe("taken");
  });

  it("goes to exactly one of many who find it stale at the same time", async () => {
    await writeFile(path, JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "another boot:1", token: "x" }));
    const locks = await Promise.all(Array.from({ length: 30 }, () => takeLock(path)));
    expect(locks.filter((lock) => lock.kind === "taken")).toHaveLength(1);
    expect(await readdir(dir)).toEqual(["lock"]);
  });

  it("does not stand in the way when its pid is another process by now", async () => {
    await writeFile(path, JSON.stringify({ pid: process.pid, startedAt: "another boot:1", token: "x" }));
    expect((await takeLock(path)).kind).toBe("taken");
  });

  it("does not stand in the way when a full disk cut it short", async () => {
    await writeFile(path, '{"pid":12');
    expect((await takeLock(path)).kind).toBe("taken");
  });

  it("is not taken away by the release of one who has lost it", async () => {
    const first = await takeLock(path);
    await writeFile(path, JSON.stringify({ pid: process.pid, token: "someone else" }));
    await first.release();
    expect(await readdir(dir)).toEqual(["lock"]);
  });
});
