import { randomUUID } from "node:crypto";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { claimLease, listWebhookEndpoints, type WebhookEndpointDocument } from "../store/index.ts";
import { Courier, type CourierOptions } from "./courier.ts";

const TICK_MS = 1_000;
/** Whoever serves an endpoint keeps the right to it this long: when he dies another one goes on. Well above what a courier that is
 *  stopped may take to finish its attempts. */
const LEASE_MS = 30_000;
const RENEW_MS = 5_000;

type Served = { readonly courier: Courier; readonly version: string; readonly renewAtMs: number };

/** Keeps a courier for each endpoint that is active. Any number of these may run: each endpoint is served by one. */
export function startWebhooks(
  options: CourierOptions & { readonly access: Pick<AccessDirectory, "workspaces"> },
): AsyncDisposable {
  const { access, log, store } = options;
  const holder = randomUUID();
  const served = new Map<string, Served>();
  const end = async (id: string) => {
    const one = served.get(id);
    served.delete(id);
    if (one === undefined) return;
    await one.courier.stop();
    // Nobody has to wait for it to run out.
    const now = new Date();
    await claimLease(store, `webhook/${id}`, { holder, now, until: now });
  };
  const serve = async (endpoint: WebhookEndpointDocument) => {
    const { _id: id } = endpoint;
    const version = versionOf(endpoint);
    const before = served.get(id);
    if (before !== undefined && (before.version !== version || before.courier.isEnded)) await end(id);
    else if (before !== undefined && before.renewAtMs > performance.now()) return;
    const now = new Date();
    const until = new Date(now.getTime() + LEASE_MS);
    const renewAtMs = performance.now() + RENEW_MS;
    if (!(await claimLease(store, `webhook/${id}`, { holder, now, until }))) return end(id);
    const courier = served.get(id)?.courier ?? new Courier(options, endpoint);
    served.set(id, { courier, version, renewAtMs });
  };
  const tick = async () => {
    const active = new Map<string, WebhookEndpointDocument>();
    for (const workspace of access.workspaces())
      for (const endpoint of await listWebhookEndpoints(store, workspace.id))
        if (endpoint.state === "active") active.set(endpoint._id, endpoint);
    await Promise.all([...served.keys()].filter((id) => !active.has(id)).map(end));
    await Promise.all([...active.values()].map(serve));
  };
  let isStopping = false;
  let running: Promise<void> = Promise.resolve();
  const run = () => {
    running = tick()
      .catch((error: unknown) =>
        log.warn(
          { event: "webhooks_stale", err: error },
          "endpoints can't be read at the moment: those known are served",
        ),
      )
      .then(() => {
        if (!isStopping) timer = setTimeout(run, TICK_MS);
      });
  };
  let timer: NodeJS.Timeout | undefined;
  run();
  return {
    async [Symbol.asyncDispose]() {
      isStopping = true;
      clearTimeout(timer);
      await running;
      await Promise.all([...served.keys()].map(end));
    },
  };
}

/** What a courier must be started anew for. */
const versionOf = ({ url, kinds, secrets, generation }: WebhookEndpointDocument) =>
  JSON.stringify([url, kinds, secrets, generation]);
