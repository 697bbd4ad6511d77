import type { IncomingMessage } from "node:http";
import { headers as createHeaders, type JetStreamClient } from "nats";
import { readBody } from "../faults/serve-with-faults.ts";

/** Puts a CloudEvent that came by HTTP on the bus as it is, in whichever mode: the headers of the HTTP binding are those of the NATS
 *  binding. It judges nothing, so that what is malformed can be tried too.
 *  @returns where it lies. */
export async function forwardEvent(
  request: IncomingMessage,
  { js, subject }: { readonly js: JetStreamClient; readonly subject: string },
): Promise<{ readonly stream: string; readonly sequence: number }> {
  const body = await readBody(request);
  const headers = createHeaders();
  for (const [name, value] of Object.entries(request.headers))
    if ((name === "content-type" || name.startsWith("ce-")) && typeof value === "string") headers.set(name, value);
  const { seq, stream } = await js.publish(subject, body, { headers });
  return { stream, sequence: seq };
}
