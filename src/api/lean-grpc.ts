import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextValues,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { parseTimeout, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { FORWARDED_HEADERS } from "../domain/access/forwarded-identity.ts";
import { toConnectError } from "./to-connect-error.ts";

/** A unary method with its implementation, the same function that Connect is given. */
export type LeanMethod = {
  readonly method: DescMethodUnary;
  readonly call: (
    request: never,
    context: HandlerContext,
  ) => Promise<MessageInitShape<DescMessage>> | MessageInitShape<DescMessage>;
};

export type LeanGrpcOptions = {
  readonly methods: readonly LeanMethod[];
  readonly interceptors: readonly Interceptor[];
  /** Refuses a caller before the request is read. */
  readonly requestGate: (context: HandlerContext) => void;
  readonly readBytesMax: number;
};

const CONTENT_TYPE = "application/grpc+proto";
const PREFIX_BYTES = 5;
/** What a refused client is still sending is read and thrown away, since many hear the refusal only when they are done; one that
 *  goes on beyond this many times the limit is cut off. */
const DISCARDED_FACTOR = 8;
const NO_HEADERS = new Headers();
/** What implementations and interceptors look at. Building a whole `Headers` would cost as much as the rest. */
const HEADERS_READ = ["authorization", "traceparent", "idempotency-key", ...Object.values(FORWARDED_HEADERS)] as const;

/** Serves gRPC's unary calls on the bare HTTP/2 stream. Connect's general machinery costs three times as much CPU a call, and
 *  these are the calls that come in floods. Whatever is out of the ordinary (another content type, compression) is left to
 *  Connect; a test holds both ways to the same answers.
 *  @returns a function that says whether it has taken the stream. */
export function createLeanGrpc(
  options: LeanGrpcOptions,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean {
  const methods = new Map(options.methods.map((one) => [`/${one.method.parent.typeName}/${one.method.name}`, one]));
  return (stream, headers) => {
    const found = methods.get(headers[":path"] ?? "");
    const isPlain = (headers["grpc-encoding"] ?? "identity") === "identity";
    const isGrpc = headers["content-type"] === "application/grpc" || headers["content-type"] === CONTENT_TYPE;
    if (found === undefined || !isPlain || !isGrpc || headers[":method"] !== "POST") return false;
    new LeanCall(options, found, stream, headers).begin();
    return true;
  };
}

class LeanCall {
  readonly #options: LeanGrpcOptions;
  readonly #found: LeanMethod;
  readonly #stream: ServerHttp2Stream;
  readonly #controller = new AbortController();
  readonly #context: HandlerContext;
  readonly #timeoutMs: number | undefined;
  readonly #badTimeout: ConnectError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isAnswered = false;

  constructor(options: LeanGrpcOptions, found: LeanMethod, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#options = options;
    this.#found = found;
    this.#stream = stream;
    const requestHeader = new Headers();
    for (const name of HEADERS_READ) {
      const value = headers[name];
      if (typeof value === "string") requestHeader.set(name, value);
    }
    const timeout = headers["grpc-timeout"];
    const parsed = timeout === undefined ? {} : parseTimeout(String(timeout), Number.MAX_SAFE_INTEGER);
    this.#timeoutMs = parsed.timeoutMs;
    this.#badTimeout = parsed.error;
    const startedAt = performance.now();
    this.#context = {
      service: found.method.parent,
      method: found.method,
      protocolName: "grpc",
      requestMethod: "POST",
      url: `http://${headers[":authority"] ?? "localhost"}${headers[":path"] ?? "/"}`,
      signal: this.#controller.signal,
      timeoutMs: () => (this.#timeoutMs === undefined ? undefined : this.#timeoutMs - (performance.now() - startedAt)),
      requestHeader,
      responseHeader: NO_HEADERS,
      responseTrailer: NO_HEADERS,
      values: createContextValues(),
    };
  }

  begin(): void {
    const stream = this.#stream;
    // A stream that breaks is its client's affair; without a listener it would end the process.
    stream.on("error", () => this.#controller.abort());
    stream.on("aborted", () => this.#controller.abort());
    try {
      this.#options.requestGate(this.#context);
      if (this.#badTimeout !== undefined) throw this.#badTimeout;
    } catch (error) {
      this.#fail(error);
    }
    if (this.#timeoutMs !== undefined && this.#timeoutMs < 1) this.#giveUp();
    else if (this.#timeoutMs !== undefined && !this.#isAnswered)
      this.#timer = setTimeout(() => this.#giveUp(), this.#timeoutMs);
    this.#read();
  }

  #read(): void {
    const { readBytesMax } = this.#options;
    const chunks: Buffer[] = [];
    let bytes = 0;
    this.#stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= readBytesMax + PREFIX_BYTES) chunks.push(chunk);
      else if (!this.#isAnswered)
        this.#fail(
          new ConnectError(
            `message size is larger than configured readMaxBytes ${readBytesMax}`,
            Code.ResourceExhausted,
          ),
        );
      else if (bytes > readBytesMax * DISCARDED_FACTOR) this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    this.#stream.on("end", () => void this.#run(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
  }

  async #run(body: Buffer | undefined): Promise<void> {
    if (this.#isAnswered) return;
    try {
      const { message, header } = await this.#invoke(toMessageBytes(body ?? Buffer.alloc(0)));
      this.#answer(message, header);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #invoke(bytes: Uint8Array): Promise<UnaryResponse> {
    const { method, call } = this.#found;
    const { interceptors } = this.#options;
    let message: Message;
    try {
      message = fromBinary(method.input, bytes);
    } catch (error) {
      throw new ConnectError(`parse binary: ${error instanceof Error ? error.message : String(error)}`, Code.Internal);
    }
    const context = this.#context;
    const request: UnaryRequest = {
      stream: false,
      service: method.parent,
      method,
      requestMethod: "POST",
      url: context.url,
      signal: context.signal,
      header: context.requestHeader,
      contextValues: context.values,
      message,
    };
    const last = async (asked: UnaryRequest): Promise<UnaryResponse> => {
      const answer = await call(asked.message as never, context);
      return {
        stream: false,
        service: method.parent,
        method,
        header: new Headers(),
        trailer: NO_HEADERS,
        message: create(method.output, answer),
      };
    };
    const chain = interceptors.reduceRight<(asked: UnaryRequest) => Promise<UnaryResponse>>(
      (next, interceptor) => interceptor(next as never) as never,
      last,
    );
    return chain(request);
  }

  #answer(message: Message, header: Headers): void {
    if (this.#isAnswered || this.#stream.destroyed) return;
    this.#isAnswered = true;
    clearTimeout(this.#timer);
    const bytes = toBinary(this.#found.method.output, message);
    const envelope = Buffer.allocUnsafe(PREFIX_BYTES + bytes.length);
    envelope[0] = 0;
    envelope.writeUInt32BE(bytes.length, 1);
    envelope.set(bytes, PREFIX_BYTES);
    this.#stream.respond(
      { ":status": 200, "content-type": CONTENT_TYPE, ...Object.fromEntries(header) },
      { waitForTrailers: true },
    );
    this.#stream.once("wantTrailers", () => this.#stream.sendTrailers({ "grpc-status": "0" }));
    this.#stream.end(envelope);
  }

  #giveUp(): void {
    this.#fail(new ConnectError("the operation timed out", Code.DeadlineExceeded));
    this.#controller.abort();
  }

  #fail(error: unknown): void {
    if (this.#isAnswered || this.#stream.destroyed) return;
    this.#isAnswered = true;
    clearTimeout(this.#timer);
    const trailer = new Headers();
    setTrailerStatus(trailer, toConnectError(error));
    this.#stream.respond(
      { ":status": 200, "content-type": CONTENT_TYPE, ...Object.fromEntries(trailer) },
      { endStream: true },
    );
  }
}

/** @throws ConnectError when the body is not exactly one plain message. */
function toMessageBytes(body: Buffer): Uint8Array {
  if (body.length < PREFIX_BYTES)
    throw new ConnectError("protocol error: missing input message for unary method", Code.Unimplemented);
  if (body[0] !== 0)
    throw new ConnectError("received compressed envelope, but do not know how to decompress", Code.Internal);
  const length = body.readUInt32BE(1);
  if (body.length > PREFIX_BYTES + length)
    throw new ConnectError("protocol error: received extra input message for unary method", Code.Unimplemented);
  if (body.length < PREFIX_BYTES + length)
    throw new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
  return body.subarray(PREFIX_BYTES);
}
