import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureChromium } from "./chromium.ts";
import { SetupFailure } from "./say.mjs";
import { addCounts, type Counts, closingLine, readCounts } from "./test-counts.ts";
import { tiedSpawn } from "./tied-spawn.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");

/** `npm test`: the tests that need no servers first, since they fail fastest; then those with servers and a browser. */
try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function run(filters: readonly string[]): Promise<number> {
  await ensureChromium();
  const reports = await mkdtemp(join(tmpdir(), "engine-tests-"));
  try {
    const unit = await runTier({ project: "unit", report: join(reports, "unit.json"), filters });
    const it = await runTier({ project: "it", report: join(reports, "it.json"), filters });
    const counts = addCounts(unit, it);
    process.stdout.write(`\n${closingLine(counts)}\n`);
    return counts.failed > 0 || counts.passed === 0 ? 1 : 0;
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
}

/** A run that ended badly although every test passed (a crash, an unhandled error) counts as one failure. */
async function runTier(tier: { project: string; report: string; filters: readonly string[] }): Promise<Counts> {
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${tier.report}`];
  const args = [vitest, "run", "--project", tier.project, "--passWithNoTests", ...reporters, ...tier.filters];
  const child = tiedSpawn(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(child, "exit");
  const counts = existsSync(tier.report) ? readCounts(tier.report) : { passed: 0, failed: 0, skipped: 0 };
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}
