import { applyFrom } from "./promotion/carry.ts";
import { runCommand } from "./promotion/run-command.ts";

await runCommand({
  help: `npm run apply -- DIR [--dry-run] [--overwrite] [--url URL] makes the segments, templates, campaigns and experiments of a workspace what the files
below DIR say, and shows what that changes. See src/promotion/README.md.

  --dry-run     shows it and changes nothing
  --overwrite   also what somebody changed in the workspace since it was last exported or applied
  --url URL     where the engine's gRPC is, with the workspace's API key in INTERVENTION_API_KEY; default: the engine started here
`,
  options: { "dry-run": { type: "boolean" }, overwrite: { type: "boolean" }, url: { type: "string" } },
  run: (dir, engine, { flags, say }) =>
    applyFrom(dir, engine, { dryRun: flags.has("dry-run"), overwrite: flags.has("overwrite"), say }),
});
