import { describe, expect, it, test } from "vitest";
import { ConfigError, describeConfig, loadConfig } from "./config.ts";

describe("settings", () => {
  it("have the defaults that others script against", () => {
    expect(loadConfig({})).toMatchObject({
      HOST: "127.0.0.1",
      EDGE_PORT: 8080,
      GRPC_PORT: 9090,
      DATA_DIR: ".data",
      ROLES: ["api", "gateway", "decide", "deliver", "track", "schedule", "intake"],
    });
  });

  it("leave other programs' names alone and take an empty value as unset", () => {
    expect(loadConfig({ PATH: "/bin", EDGE_PORT: "" }).EDGE_PORT).toBe(8080);
  });

  it("are refused all at once, each by name, with the value that came", () => {
    const load = () => loadConfig({ EDGE_PORT: "80x", ROLES: "api,cook", TRACE_SAMPLE_RATIO: "2" });
    expect(load).toThrow(ConfigError);
    for (const part of [
      'EDGE_PORT="80x"',
      'ROLES="api,cook": a comma-separated list of api, gateway',
      'TRACE_SAMPLE_RATIO="2"',
      "--help",
    ])
      expect(load).toThrow(part);
  });

  test.each([
    [{ EDGE_PORT: "9090" }, "EDGE_PORT and GRPC_PORT are both 9090"],
    [{ NATS_URL: "nats://10.0.0.1:4222" }, "NATS_URL is set without NATS_MONITOR_URL"],
    [
      { NATS_URL: "10.0.0.1:4222", ALLOW_UNSYNCED_NATS: "true" },
      'NATS_URL="10.0.0.1:4222": a URL such as nats://127.0.0.1:4222',
    ],
    [{ DEFAULT_TIME_ZONE: "Mars/Base" }, 'DEFAULT_TIME_ZONE="Mars/Base"'],
    [{ PROCESSES: "api;" }, 'PROCESSES="api;"'],
  ])("%j is refused", (env, message) => expect(() => loadConfig(env)).toThrow(message));

  it("are all described", () => {
    const lines = describeConfig().split("\n");
    expect(lines.length).toBe(
      Object.keys(loadConfig({})).length +
        [
          "NATS_URL",
          "NATS_MONITOR_URL",
          "MONGODB_URL",
          "OTEL_EXPORTER_OTLP_ENDPOINT",
          "JWT_ISSUER",
          "JWT_AUDIENCE",
          "JWKS_URL",
          "DATA_INTELLIGENCE_URL",
          "PUBLIC_URL",
          "ARCHIVE_DIR",
        ].length,
    );
    for (const line of lines) expect(line).toMatch(/^ {2}[A-Z_]+ +\S.* \(default .+\)$/);
  });
});
