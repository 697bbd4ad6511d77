import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";

/** A stream that goes on has let its caller in. */
const STREAM_MS_MAX = 400;

/** Calls a method, of whichever kind, with one message.
 *  @returns the name of the code it came to, or OK; a stream that goes on comes to DeadlineExceeded. */
export async function callMethod(...call: Parameters<typeof findError>): Promise<string> {
  const error = await findError(...call);
  return error === undefined ? "OK" : Code[error.code];
}

/** The same.
 *  @returns what it was refused with. */
export async function findError(
  transport: Transport,
  method: DescMethod,
  request: MessageInitShape<DescMessage>,
  header: Readonly<Record<string, string>>,
): Promise<ConnectError | undefined> {
  try {
    if (method.methodKind === "unary")
      await transport.unary(method as DescMethod & { methodKind: "unary" }, undefined, undefined, header, request);
    else {
      const signal = AbortSignal.timeout(STREAM_MS_MAX);
      const { message } = await transport.stream(
        method as DescMethod & { methodKind: "server_streaming" },
        signal,
        STREAM_MS_MAX,
        header,
        only(request),
      );
      for await (const _ of message) break;
    }
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
}

async function* only(request: MessageInitShape<DescMessage>) {
  yield request;
}
