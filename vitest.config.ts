import { defineConfig } from "vitest/config";

const never = ["**/node_modules/**", "dist/**", "gen/**", ".tools/**", ".data/**"];
const withServers = ["src/e2e/**/*.test.ts", "**/*.it.test.{ts,mjs}"];

/** Two tiers: `unit` needs nothing, `it` runs real servers and so has few workers and patience. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.{ts,mjs}"],
          exclude: [...never, ...withServers],
          maxWorkers: 2,
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "it",
          include: withServers,
          exclude: never,
          globalSetup: ["src/testing/shared-servers.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Each worker runs servers of its own, and two cores carry no more.
          maxWorkers: 2,
        },
      },
    ],
  },
});
