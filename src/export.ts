import { exportTo } from "./promotion/carry.ts";
import { runCommand } from "./promotion/run-command.ts";

await runCommand({
  help: `npm run export -- DIR [--url URL] writes the segments, templates, campaigns and experiments of a workspace into files below DIR. See
src/promotion/README.md.

  --url URL     where the engine's gRPC is, with the workspace's API key in INTERVENTION_API_KEY; default: the engine started here
`,
  options: { url: { type: "string" } },
  run: (dir, engine, { say }) => exportTo(dir, engine, say),
});
