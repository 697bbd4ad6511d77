import { z } from "zod";
import { JWT_ALGORITHMS } from "./domain/access/jwt-algorithms.ts";
import { ROLES as ACCESS_ROLES } from "./domain/access/permissions.ts";

/** The roles one program can take. */
export const ROLES = ["api", "gateway", "decide", "deliver", "track", "schedule", "intake"] as const;
export type Role = (typeof ROLES)[number];

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback);
const whole = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);
const flag = (fallback: boolean) =>
  z
    .enum(["true", "false"])
    .default(fallback ? "true" : "false")
    .transform((v) => v === "true");
const isRole = (value: string): value is Role => ROLES.some((role) => role === value);
const rolesOf = (text: string) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
const rolesText = z.string().refine((text) => rolesOf(text).length > 0 && rolesOf(text).every(isRole), {
  error: `a comma-separated list of ${ROLES.join(", ")}`,
});
/** A comma-separated list, each entry as it must be. */
const listOf = (fallback: string, isAllowed: (entry: string) => boolean, error: string) =>
  z
    .string()
    .default(fallback)
    .transform(rolesOf)
    .refine((entries) => entries.every(isAllowed), { error });
const url = (protocols: readonly string[], example: string) =>
  z
    .string()
    .refine((text) => text.split(",").every((part) => protocols.some((p) => part.trim().startsWith(`${p}://`))), {
      error: `a URL such as ${example}`,
    });

const toCredentialKey = (text: string) => {
  const [, id, base64] = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(text) ?? [];
  return id === undefined || base64 === undefined ? undefined : { id, key: Buffer.from(base64, "base64") };
};

/** Every setting: its type, default, unit and help in one place. Read from the environment; unknown ENGINE_* names are refused. */
const schema = z.object({
  HOST: z.string().min(1).default("127.0.0.1").describe("address everything listens on"),
  EDGE_PORT: port(8080).describe("HTTP, WebSocket, server-sent events and pages; 0 takes a free one"),
  GRPC_PORT: port(9090).describe("gRPC, gRPC-Web and Connect; 0 takes a free one"),
  ADMIN_PORT: port(0).describe("health and metrics of a process that serves no other port; 0 takes a free one"),
  DATA_DIR: z.string().min(1).default(".data").describe("folder of the embedded servers and of credentials.json"),
  NATS_URL: url(["nats", "tls"], "nats://127.0.0.1:4222")
    .optional()
    .describe("NATS servers, comma-separated; unset starts an embedded one"),
  NATS_MONITOR_URL: url(["http", "https"], "http://127.0.0.1:8222")
    .optional()
    .describe("their monitoring address, by which the start-up check sees that writes are synced"),
  ALLOW_UNSYNCED_NATS: flag(false).describe(
    "run on a NATS server whose sync_interval is not 'always' or cannot be seen: a power failure may then lose what was accepted",
  ),
  MONGODB_URL: url(["mongodb", "mongodb+srv"], "mongodb://127.0.0.1:27017")
    .optional()
    .describe("MongoDB; unset starts an embedded server of its protocol"),
  MONGODB_DATABASE: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,38}$/, "1 to 38 letters, digits, - and _")
    .default("intervention")
    .describe("name of the database"),
  NAMESPACE: z
    .string()
    .regex(/^[A-Za-z0-9_-]{0,32}$/, "up to 32 letters, digits, - and _")
    .default("")
    .describe("prefix of streams and subjects, so that several engines can share one NATS"),
  STREAM_REPLICAS: whole(1, 1, 5).describe("copies of each stream; 3 on a cluster"),
  ROLES: rolesText
    .default(ROLES.join(","))
    .transform((text) => rolesOf(text).filter(isRole))
    .describe("roles of this process"),
  PROCESSES: z
    .string()
    .refine((text) => text.split(";").every((part) => rolesText.safeParse(part).success), {
      error: "role lists separated by ';'",
    })
    .default("api;gateway;decide,deliver,track,schedule,intake")
    .describe("processes that npm start runs: ';' between processes, ',' between the roles of one"),
  WORKSPACE: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "1 to 40 of a-z, 0-9 and -")
    .default("main")
    .describe("workspace made at the first start"),
  DEFAULT_TIME_ZONE: z.string().min(1).default("UTC").describe("IANA time zone of users who have none"),
  PUBLIC_URL: url(["http", "https"], "https://engage.shop.example")
    .optional()
    .describe(
      "how readers of messages reach the edge, for links to unsubscribe, to preferences and to confirm; without it there are none",
    ),
  TRACK_LINKS: flag(true).describe(
    "links of email, SMS and push lead past the engine, and email has a picture, so that it is told who clicked and looked",
  ),
  ALLOWED_ORIGINS: z
    .string()
    .default("")
    .transform((text) =>
      text
        .split(",")
        .map((o) => o.trim())
        .filter((o) => o !== ""),
    )
    .describe("origins of pages that may connect, comma-separated; '*' allows all; the engine's own pages always may"),
  JWT_ISSUER: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe("identity provider whose tokens are trusted for every workspace; unset: those that workspaces name only"),
  JWT_AUDIENCE: z.string().min(1).max(500).optional().describe("what its tokens must be for"),
  JWKS_URL: url(["https", "http"], "https://id.example.com/jwks").optional().describe("where its public keys are"),
  JWT_WORKSPACE_CLAIM: z.string().min(1).max(100).default("workspace").describe("claim with the workspace's id"),
  JWT_ALGORITHMS: listOf(
    "RS256,ES256",
    (name) => JWT_ALGORITHMS.some((known) => known === name),
    `some of ${JWT_ALGORITHMS.join(", ")}`,
  ).describe("signatures that are accepted"),
  JWT_SERVICE_ROLES: listOf(
    "",
    (name) => ACCESS_ROLES.some((known) => known === name),
    `some of ${ACCESS_ROLES.join(", ")}`,
  ).describe("roles that its tokens may claim as services, as intervention.{role}; empty: they are users' tokens only"),
  JWT_CLOCK_SKEW_S: whole(30, 0, 300).describe("its clock may differ by so much, s"),
  SEGMENT_SWEEP_MS: whole(900_000, 1_000, 86_400_000).describe(
    "everybody's segments are looked at again this often, for what time alone brings about, ms",
  ),
  JWKS_REFRESH_MS: whole(60_000, 50, 3_600_000).describe("identity providers' keys are read again this often, ms"),
  JWKS_COOLDOWN_MS: whole(10_000, 0, 3_600_000).describe(
    "a token of an unknown key has them read again at most this often, ms",
  ),
  JWKS_STALE_MS_MAX: whole(3_600_000, 100, 86_400_000).describe(
    "the keys of a provider that does not answer are trusted for so long, ms",
  ),
  ALLOW_HTTP_JWKS: flag(false).describe(
    "let workspaces name identity providers whose keys come in clear text, and from anywhere; npm start on 127.0.0.1 with embedded servers does",
  ),
  JWKS_ALLOW_PRIVATE: flag(false).describe(
    "let workspaces name identity providers at addresses of private networks, by https",
  ),
  GATEWAY_SHARED_SECRETS: listOf("", (secret) => secret.length >= 32, "one or two secrets of at least 32 characters")
    .refine((secrets) => secrets.length <= 2, { error: "one secret, or two while one is being replaced" })
    .describe("shared with an API gateway whose x-forwarded-user is believed by its proof; empty: nobody's is"),
  SOCKETS_PER_USER_MAX: whole(20, 1, 10_000).describe("live connections of one user on one gateway"),
  SOCKETS_PER_ADDRESS_MAX: whole(20_000, 1, 1_000_000).describe("live connections from one IP address on one gateway"),
  KEY_RATE: whole(20_000, 1, 10_000_000).describe("calls a second of one API key or user, each of a batch counted"),
  KEY_BURST: whole(40_000, 1_000, 10_000_000).describe(
    "calls of one key that may come at once; at least 1,000, a whole batch",
  ),
  WORKSPACE_RATE: whole(50_000, 1, 10_000_000).describe("calls a second of one workspace, all nodes together"),
  WORKSPACE_BURST: whole(100_000, 1_000, 10_000_000).describe(
    "calls of one workspace that may come at once; at least 1,000, a whole batch",
  ),
  HEARTBEAT_MS: whole(25_000, 100, 300_000).describe("a live connection is pinged this often, ms"),
  BACKPRESSURE_BYTES_MAX: whole(1_048_576, 16_384, 67_108_864).describe(
    "a connection that leaves more than this unread is closed and resumes, bytes",
  ),
  UNDELIVERED_AFTER_MS: whole(30_000, 500, 3_600_000).describe(
    "what no device acknowledged by then goes to the inbox, ms",
  ),
  HISTORY_MAX: whole(256, 1, 10_000).describe("newest messages of one user kept for resuming"),
  HISTORY_AGE_MS: whole(3_600_000, 1_000, 604_800_000).describe("how long they are kept, ms"),
  RECONCILE_AFTER_MS: whole(30_000, 1_000, 3_600_000).describe(
    "what was accepted and is not decided by then is put on the stream again, ms",
  ),
  ARCHIVE_DIR: z
    .string()
    .min(1)
    .optional()
    .describe("folder that events are archived to before retention removes them; unset: they are removed"),
  CATALOG_AGE_MS: whole(5_000, 0, 3_600_000).describe(
    "price and stock in what is sent are never older than this, ms; a change in the catalogue is known sooner",
  ),
  DRAIN_MS: whole(5_000, 0, 300_000).describe("live connections are sent elsewhere over this long at a stop, ms"),
  WEBHOOK_ALLOW_PRIVATE: flag(false).describe(
    "send webhooks by plain http too, and to addresses of private networks: for tests and closed networks",
  ),
  CREDENTIAL_KEYS: z
    .string()
    .default("")
    .transform((text) => rolesOf(text).map(toCredentialKey))
    .refine((keys) => keys.every((key) => key !== undefined), {
      error: "comma-separated id:key, each key 32 bytes in base64 under an id of its own",
    })
    .transform((keys) => keys.flatMap((key) => key ?? []))
    .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, { error: "two keys have the same id" })
    .describe(
      "what providers' credentials are encrypted with, as id:base64 of 32 bytes, comma-separated: the first encrypts, all decrypt; npm start makes one",
    ),
  SEND_LEASE_MS: whole(20_000, 500, 600_000).describe(
    "an attempt to send belongs to its worker for so long beyond its provider's time-out, ms",
  ),
  EVENTS_OUT: z
    .string()
    .refine(
      (text) => text === "none" || text === "all" || text.split(",").every((kind) => /^[a-z]+$/.test(kind.trim())),
      {
        error: "none, all, or kinds of events such as displayed,clicked",
      },
    )
    .default("none")
    .describe(
      "kinds of events published as CloudEvents on events.out.<workspace>.<kind>: none, all, or a comma-separated list",
    ),
  ABANDON_AFTER_MS: z.coerce
    .number()
    .int()
    .refine((ms) => ms === 0 || (ms >= 1_000 && ms <= 604_800_000), { error: "0, or 1000 to 604800000" })
    .default(1_800_000)
    .describe(
      "a cart that is not empty counts as abandoned after so long without any activity, ms; 0 leaves it to others",
    ),
  EVENT_TRIGGER_AGE_MS: whole(86_400_000, 60_000, 604_800_000).describe(
    "events of the shop that are older, such as imported history, are kept and trigger no campaign, ms",
  ),
  TRY_PAGE: flag(true).describe("serve /try to browsers on the same machine"),
  PROFILE_INDEXED_ATTRIBUTES: z
    .string()
    .default("")
    .transform((text) =>
      text
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== ""),
    )
    .describe("attributes that profiles can be searched by, comma-separated; each profile from its next change on"),
  DATA_INTELLIGENCE_URL: url(["http", "https", "grpc", "grpcs"], "http://127.0.0.1:7070")
    .optional()
    .describe(
      "the platform's profiles, by Connect (http, https) or gRPC (grpc, grpcs); unset uses the engine's own alone",
    ),
  DATA_INTELLIGENCE_DEADLINE_MS: whole(20, 1, 5_000).describe("a decision waits this long for it, ms"),
  DATA_INTELLIGENCE_FRESH_MS: whole(30_000, 0, 3_600_000).describe("its answer is used this long without asking, ms"),
  DATA_INTELLIGENCE_STALE_MS: whole(600_000, 0, 86_400_000).describe(
    "and this much longer while it is asked again behind, ms",
  ),
  DATA_INTELLIGENCE_CACHE_MAX: whole(50_000, 1, 10_000_000).describe("answers kept in each deciding process"),
  DATA_INTELLIGENCE_IN_FLIGHT_MAX: whole(8, 1, 1_000).describe("calls under way at once from each deciding process"),
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("least level of the log lines, on stderr as JSON"),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(["http", "https"], "http://127.0.0.1:4318")
    .optional()
    .describe("where traces are sent; unset sends none"),
  TRACE_SAMPLE_RATIO: z.coerce.number().min(0).max(1).default(0.01).describe("share of interventions traced, 0 to 1"),
});

export type Config = z.output<typeof schema>;

/** Everything that is wrong with the settings, in one message. */
export class ConfigError extends Error {}

/** Reads the settings from an environment; names that are not ours are left alone. An empty value counts as unset.
 *  @throws ConfigError naming every bad setting. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const known = Object.keys(schema.shape);
  const picked = Object.fromEntries(
    known.filter((name) => env[name] !== undefined && env[name] !== "").map((name) => [name, env[name]]),
  );
  const result = schema.safeParse(picked);
  const problems = result.success
    ? contradictions(result.data)
    : result.error.issues.map(
        (issue) => `${issue.path.join(".")}="${shownValue(String(issue.path[0]), picked)}": ${issue.message}`,
      );
  if (!result.success || problems.length > 0)
    throw new ConfigError(`${problems.join("\n")}\nnpm start -- --help lists every setting`);
  return result.data;
}

/** What is secret is not repeated where it could end in a log. */
const shownValue = (name: string, picked: Readonly<Record<string, string | undefined>>) =>
  name.endsWith("_SECRETS") || name.endsWith("_KEYS") ? "…" : (picked[name] ?? "");

function contradictions(config: Config): string[] {
  const problems: string[] = [];
  if (config.EDGE_PORT !== 0 && config.EDGE_PORT === config.GRPC_PORT)
    problems.push(`EDGE_PORT and GRPC_PORT are both ${config.EDGE_PORT}: give each its own`);
  if (config.NATS_URL !== undefined && config.NATS_MONITOR_URL === undefined && !config.ALLOW_UNSYNCED_NATS)
    problems.push(
      "NATS_URL is set without NATS_MONITOR_URL: set it so that the engine can see that writes are synced, or set ALLOW_UNSYNCED_NATS=true",
    );
  const provider = { JWT_ISSUER: config.JWT_ISSUER, JWT_AUDIENCE: config.JWT_AUDIENCE, JWKS_URL: config.JWKS_URL };
  const unset = Object.entries(provider).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (unset.length > 0 && unset.length < 3)
    problems.push(`${unset.join(" and ")} must be set too: JWT_ISSUER, JWT_AUDIENCE and JWKS_URL belong together`);
  try {
    new Intl.DateTimeFormat("en", { timeZone: config.DEFAULT_TIME_ZONE });
  } catch {
    problems.push(`DEFAULT_TIME_ZONE="${config.DEFAULT_TIME_ZONE}": an IANA time zone such as Europe/Paris`);
  }
  return problems;
}

/** The help of every setting, a line each, for `--help`. */
export function describeConfig(): string {
  const defaults = loadConfig({});
  const width = Math.max(...Object.keys(schema.shape).map((name) => name.length));
  return Object.entries(schema.shape)
    .map(([name, field]) => {
      const value = Object.entries(defaults).find(([key]) => key === name)?.[1];
      const shown =
        value === undefined ? "unset" : Array.isArray(value) ? `"${value.join(",")}"` : JSON.stringify(value);
      return `  ${name.padEnd(width)}  ${field.description ?? ""} (default ${shown})`;
    })
    .join("\n");
}
