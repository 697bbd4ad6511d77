import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { Presentation_Kind } from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import type { Acceptor } from "../accept/acceptor.ts";
import { parseTrigger } from "../api/parse-trigger.ts";
import type { Config } from "../config.ts";
import { DomainError } from "../domain/errors.ts";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "../gateway/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";

/** What the pages stand on. */
export type PageParts = {
  readonly config: Pick<Config, "TRY_PAGE" | "WORKSPACE">;
  readonly access: AccessDirectory;
  readonly acceptor: Acceptor;
};

const TOKEN_TTL_MS = 3_600_000;
const sendSchema = z.object({
  user: z.string(),
  title: z.string(),
  body: z.string(),
  kind: z.enum(["TOAST", "BANNER", "MODAL", "INLINE"]).default("TOAST"),
});

/** Serves the client library and the pieces to everybody, and `/try` to browsers on the same machine. */
export function servePages(edge: EdgeServer, { access, acceptor, config }: PageParts): void {
  edge.route("get", "/client.js", () => serveFile("../../dist/client/index.js", "text/javascript; charset=utf-8"));
  edge.route("get", "/pieces.js", () => serveFile("../../dist/pieces/index.js", "text/javascript; charset=utf-8"));
  if (!config.TRY_PAGE) return;
  const local = (handler: (request: EdgeRequest) => Promise<EdgeResponse>) => (request: EdgeRequest) =>
    isLocal(request)
      ? handler(request)
      : Promise.resolve(text(403, "/try is for browsers on the machine that the engine runs on"));
  edge.route(
    "get",
    "/try",
    local(() => serveFile("try.html", "text/html; charset=utf-8")),
  );
  edge.route(
    "get",
    "/try/token",
    local(async ({ query }) => {
      const minted = access.mintUserToken({
        workspaceId: config.WORKSPACE,
        userId: query.get("user") || "ada",
        ttlMs: TOKEN_TTL_MS,
      });
      return minted === undefined ? text(503, "there is no workspace yet") : json(200, { token: minted.token });
    }),
  );
  edge.route(
    "post",
    "/try/send",
    local(async ({ body }) => {
      const workspace = access.findWorkspace(config.WORKSPACE);
      if (workspace === undefined) return text(503, "there is no workspace yet");
      try {
        const asked = sendSchema.parse(JSON.parse(new TextDecoder().decode(body)));
        const request = create(TriggerRequestSchema, {
          recipient: { userId: asked.user },
          content: {
            title: asked.title,
            body: asked.body,
            actions: [{ id: "ok", label: "Show me" }],
            presentation: { kind: Presentation_Kind[asked.kind], placement: asked.kind === "INLINE" ? "try" : "" },
          },
        });
        const [result] = await acceptor.accept(
          workspace,
          [parseTrigger(request, { workspaceId: workspace.id, keyHeader: undefined, newKey: randomUUID })],
          "",
        );
        if (result?.kind !== "accepted") throw result?.error;
        return json(200, { interventionId: result.interventionId });
      } catch (error) {
        if (error instanceof DomainError || error instanceof z.ZodError || error instanceof SyntaxError)
          return text(400, error.message);
        throw error;
      }
    }),
  );
}

/** The request comes from this machine, and from a page of ours: a page from elsewhere that points its own name at 127.0.0.1
 *  has another Host, and one that posts across sites another Origin. */
function isLocal({ headers, ip }: EdgeRequest): boolean {
  const host = headers.get("host") ?? "";
  const origin = headers.get("origin");
  const isOwnHost = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);
  const isLoopback =
    ip.startsWith("127.") || ip === "::1" || ip === "0000:0000:0000:0000:0000:0000:0000:0001" || ip.includes("ffff:7f");
  return isLoopback && isOwnHost && (origin === undefined || origin === `http://${host}`);
}

/** Everything a page of ours loads comes from this engine. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self' ws: wss:; img-src data:";

async function serveFile(path: string, contentType: string): Promise<EdgeResponse> {
  const body = await readFile(new URL(path, import.meta.url));
  return {
    status: 200,
    headers: {
      "content-type": contentType,
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "content-security-policy": PAGE_POLICY,
    },
    body,
  };
}

const text = (status: number, body: string): EdgeResponse => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: `${body}\n`,
});
const json = (status: number, body: unknown): EdgeResponse => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
