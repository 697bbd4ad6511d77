import { createServer } from "node:http";
import type { Metrics } from "./metrics.ts";

/** Whether a process can do its work, and if not, why. */
export type Readiness = { readonly isReady: boolean; readonly reasons: readonly string[] };

/** The answer to a plain HTTP request. */
export type PlainAnswer = { readonly status: number; readonly contentType: string; readonly body: string };

/** Answers `/healthz` (the process lives), `/readyz` (it can work) and `/metrics`; undefined for every other path. */
export function createHealthHandler(options: { readonly metrics: Metrics; readonly readiness: () => Promise<Readiness> }) {
  return async (path: string): Promise<PlainAnswer | undefined> => {
    if (path === "/healthz") return { status: 200, contentType: "text/plain; charset=utf-8", body: "ok\n" };
    if (path === "/readyz") {
      const { isReady, reasons } = await options.readiness();
      return { status: isReady ? 200 : 503, contentType: "text/plain; charset=utf-8", body: isReady ? "ready\n" : `${reasons.join("\n")}\n` };
    }
    if (path === "/metrics") return { status: 200, contentType: options.metrics.registry.contentType, body: await options.metrics.registry.metrics() };
    return undefined;
  };
}

/** Asks each part whether it works, at most once a second however often it is asked. */
export function createReadiness(checks: Readonly<Record<string, () => Promise<boolean> | boolean>>): () => Promise<Readiness> {
  const look = async (): Promise<Readiness> => {
    const found = await Promise.all(Object.entries(checks).map(async ([name, check]) => ({ name, isFine: await Promise.resolve(check()).catch(() => false) })));
    const reasons = found.filter(({ isFine }) => !isFine).map(({ name }) => `${name} does not answer`);
    return { isReady: reasons.length === 0, reasons };
  };
  let last: { readonly at: number; readonly answer: Promise<Readiness> } | undefined;
  return () => {
    if (last === undefined || performance.now() - last.at > 1_000) last = { at: performance.now(), answer: look() };
    return last.answer;
  };
}

/** Serves health and metrics of a process that serves nothing else. */
export async function startAdminServer(options: { readonly host: string; readonly port: number; readonly answer: (path: string) => Promise<PlainAnswer | undefined> }) {
  const server = createServer((request, response) => {
    void options.answer((request.url ?? "").split("?", 1)[0] ?? "").then(
      (found) => response.writeHead(found?.status ?? 404, { "content-type": found?.contentType ?? "text/plain" }).end(found?.body ?? "not found\n"),
      () => response.writeHead(500).end("internal error\n"),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(new Error(`port ${options.port} on ${options.host} can't be opened (${cause.message}): set ADMIN_PORT to another one, or to 0 for any that is free`, { cause })));
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
