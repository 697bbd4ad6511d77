import type { Logger } from "pino";
import { CallbackRefused } from "../channels/callback/report.ts";
import { Unavailable } from "../domain/errors.ts";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "../gateway/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Workspace } from "../integrations/caller.ts";
import type { ProviderDirectory } from "../integrations/provider-directory.ts";
import type { Metrics } from "../observe/index.ts";
import type { ProviderAccountDocument } from "../store/index.ts";

/** A call about a known account, of which nothing is verified yet. */
export type Callback = {
  readonly workspace: Workspace;
  readonly account: ProviderAccountDocument;
  readonly request: EdgeRequest;
};

/** A provider's way in. */
export type CallbackRoute = {
  readonly provider: string;
  /** What follows the account in the path, such as `/status`; may be empty. */
  readonly path: string;
  readonly bodyBytesMax: number;
  /** Resolves when what the call says is on disk.
   *  @throws CallbackRefused, having changed nothing. Unavailable when it shall come again. */
  readonly take: (callback: Callback) => Promise<void>;
};

/** What finding accounts works with. */
type CallbackParts = {
  readonly access: Pick<AccessDirectory, "findWorkspace">;
  readonly directory: Pick<ProviderDirectory, "find">;
  readonly metrics: Pick<Metrics, "callbacks">;
  readonly log: Logger;
};

/** Where providers call: `/v1/callbacks/{provider}/{workspace}/{account}`, and whatever the provider has behind it. */
const CALLBACKS_PATH = "/v1/callbacks";

const STATUSES = { forged: 403, malformed: 400, unsigned: 503 } as const;

/** Serves providers' callbacks. Nothing in the path is a secret: who calls is told by what is signed. */
export function serveCallbacks(edge: EdgeServer, routes: readonly CallbackRoute[], parts: CallbackParts): void {
  for (const route of routes) {
    const { provider, path, bodyBytesMax } = route;
    const handle = async (request: EdgeRequest) => {
      const { result, response } = await answer(route, request, parts);
      parts.metrics.callbacks.inc({ provider, result });
      return response;
    };
    edge.route("post", `${CALLBACKS_PATH}/${provider}/:workspace/:account${path}`, handle, { bodyBytesMax });
  }
}

async function answer(
  { provider, take }: CallbackRoute,
  request: EdgeRequest,
  { access, directory, log }: CallbackParts,
): Promise<{ readonly result: string; readonly response: EdgeResponse }> {
  const [workspaceId = "", accountId = ""] = request.path.slice(`${CALLBACKS_PATH}/${provider}/`.length).split("/");
  const workspace = access.findWorkspace(workspaceId);
  const account = directory.find(accountId);
  const isTheirs = account?.workspaceId === workspaceId && account.provider === provider && account.state !== "deleted";
  if (workspace === undefined || account === undefined || !isTheirs)
    return {
      result: "unknown_account",
      response: say(404, "UNKNOWN_ACCOUNT", `there is no such account with ${provider}`),
    };
  try {
    await take({ workspace, account, request });
    return { result: "taken", response: { status: 200 } };
  } catch (error) {
    if (error instanceof CallbackRefused) {
      log.warn(
        { event: "callback_refused", provider, accountId, reason: error.reason, err: error },
        "a provider's callback was refused",
      );
      return { result: error.reason, response: say(STATUSES[error.reason], error.reason.toUpperCase(), error.message) };
    }
    if (!(error instanceof Unavailable)) throw error;
    log.warn({ event: "callback_put_back", provider, err: error }, "a callback could not be kept: it will come again");
    const headers = { "retry-after": String(Math.ceil(error.retryAfterMs / 1_000)) };
    return { result: "unavailable", response: say(503, "UNAVAILABLE", error.message, headers) };
  }
}

const say = (
  status: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): EdgeResponse => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ reason, message }),
});
