import type { IncomingMessage, RequestListener } from "node:http";
import { connect, headers as createHeaders } from "nats";
import { readBody, sendJson } from "../faults/serve-with-faults.ts";

/** Takes CloudEvents by HTTP (`POST /events`) and puts them on `events.cart.{workspace}` as they are, in whichever mode: the headers of
 *  the HTTP binding are those of the NATS binding. It judges nothing, so that what is malformed can be tried too. */
export async function startForwarding(engine: {
  readonly natsUrl: string;
  readonly workspace: string;
  readonly namespace: string;
}): Promise<AsyncDisposable & { readonly handle: RequestListener }> {
  const nc = await connect({ servers: engine.natsUrl, name: "sandbox events", maxReconnectAttempts: -1 });
  const js = nc.jetstream();
  const subject = `${engine.namespace === "" ? "" : `${engine.namespace}.`}events.cart.${engine.workspace}`;

  async function forward(request: IncomingMessage) {
    const body = await readBody(request);
    const headers = createHeaders();
    for (const [name, value] of Object.entries(request.headers))
      if ((name === "content-type" || name.startsWith("ce-")) && typeof value === "string") headers.set(name, value);
    const { seq, stream } = await js.publish(subject, body, { headers });
    return { stream, sequence: seq };
  }

  return {
    handle: (request, response) => {
      if (request.method !== "POST" || request.url !== "/events")
        return sendJson(response, 404, {
          error: "there is POST /events, and PUT /faults/event-pipeline, /faults/ai-engine",
        });
      forward(request).then(
        (stored) => sendJson(response, 200, stored),
        (error: unknown) => sendJson(response, 503, { error: String(error) }),
      );
    },
    [Symbol.asyncDispose]: () => nc.close(),
  };
}
