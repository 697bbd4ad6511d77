import { existsSync } from "node:fs";
import { runTool } from "./run-tool.mjs";
import { SetupFailure, step } from "./say.mjs";

/** Debian's package puts it here; the tests of the client library and the pages run in it. */
const chromiumPath = "/usr/bin/chromium";

/** A browser is the one thing that the tests need and neither npm nor pip brings. */
export async function ensureChromium(): Promise<void> {
  if (existsSync(chromiumPath)) return;
  const isRootOnDebian = existsSync("/etc/debian_version") && process.getuid?.() === 0;
  if (!isRootOnDebian) {
    throw new SetupFailure(
      `the tests need Chromium at ${chromiumPath}: install it (Debian, as root: apt-get install chromium) and try again.`,
    );
  }
  await step("installing Debian's chromium, which the browser tests run in", async () => {
    await aptGet("update");
    await aptGet("install", "--yes", "--no-install-recommends", "chromium");
  });
}

async function aptGet(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const result = await runTool("apt-get", ["--quiet", ...args], { cwd: "/", env });
  if (result.kind === "ended" && result.code === 0) return;
  const said = result.kind === "missing" ? "there is no apt-get" : result.output.trim().split("\n").slice(-2).join(" ");
  throw new SetupFailure(`chromium could not be installed (${said}): install it by hand and try again.`);
}
