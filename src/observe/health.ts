import { createServer } from "node:http";
import type { Metrics } from "./metrics.ts";

/** Whether a process can do its work, and if not, why. */
export type Readiness = { readonly ok: boolean; readonly reasons: readonly string[] };

/** The answer to a plain HTTP request. */
export type PlainAnswer = { readonly status: number; readonly contentType: string; readonly body: string };

/** Answers `/healthz` (the process lives), `/readyz` (it can work) and `/metrics`; undefined for every other path. */
export function createHealthHandler(options: { readonly metrics: Metrics; readonly readiness: () => Readiness }) {
  return async (path: string): Promise<PlainAnswer | undefined> => {
    if (path === "/healthz") return { status: 200, contentType: "text/plain; charset=utf-8", body: "ok\n" };
    if (path === "/readyz") {
      const { ok, reasons } = options.readiness();
      return {
        status: ok ? 200 : 503,
        contentType: "text/plain; charset=utf-8",
        body: ok ? "ready\n" : `${reasons.join("\n")}\n`,
      };
    }
    if (path === "/metrics")
      return {
        status: 200,
        contentType: options.metrics.registry.contentType,
        body: await options.metrics.registry.metrics(),
      };
    return undefined;
  };
}

const LOOK_MS = 1_000;

/** Asks each part every second whether it works, so that the answer costs nothing however often it is asked for. */
export class ReadinessWatch {
  readonly #checks: Readonly<Record<string, () => Promise<boolean> | boolean>>;
  readonly #timer: NodeJS.Timeout;
  #reasons: readonly string[] = [];
  #isStopping = false;

  private constructor(checks: Readonly<Record<string, () => Promise<boolean> | boolean>>) {
    this.#checks = checks;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Returns after the first look. */
  static async start(checks: Readonly<Record<string, () => Promise<boolean> | boolean>>): Promise<ReadinessWatch> {
    const watch = new ReadinessWatch(checks);
    await watch.#look();
    return watch;
  }

  readonly current = (): Readiness => {
    const reasons = this.#isStopping ? ["the process is stopping", ...this.#reasons] : this.#reasons;
    return { ok: reasons.length === 0, reasons };
  };

  /** From now on not ready: balancers send their calls elsewhere while what runs is finished. */
  drain(): void {
    this.#isStopping = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const found = await Promise.all(
      Object.entries(this.#checks).map(async ([name, check]) => ({
        name,
        isFine: await Promise.resolve(check()).catch(() => false),
      })),
    );
    this.#reasons = found.filter(({ isFine }) => !isFine).map(({ name }) => `${name} does not answer`);
  }
}

/** Serves health and metrics of a process that serves nothing else. */
export async function startAdminServer(options: {
  readonly host: string;
  readonly port: number;
  readonly answer: (path: string) => Promise<PlainAnswer | undefined>;
}) {
  const server = createServer((request, response) => {
    void options.answer((request.url ?? "").split("?", 1)[0] ?? "").then(
      (found) =>
        response
          .writeHead(found?.status ?? 404, { "content-type": found?.contentType ?? "text/plain" })
          .end(found?.body ?? "not found\n"),
      () => response.writeHead(500).end("internal error\n"),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new Error(
          `port ${options.port} on ${options.host} can't be opened (${cause.message}): set ADMIN_PORT to another one, or to 0 for any that is free`,
          { cause },
        ),
      ),
    );
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
