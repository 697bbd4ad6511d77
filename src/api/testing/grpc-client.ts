import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { z } from "zod";

/** What came back, or how it failed. */
export type Answer = {
  readonly code: number;
  readonly message: string;
  readonly body: Record<string, unknown>;
  readonly details: readonly Record<string, unknown>[];
};

const protoDir = fileURLToPath(new URL("../../../proto", import.meta.url));
const nodeModules = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const LOAD_OPTIONS = { longs: String, enums: String, defaults: true, oneofs: true };

const services = readdirSync(`${protoDir}/intervention/v1`).filter((name) => name.endsWith("_service.proto"));
const definition = loadSync(
  [
    ...services.map((name) => `intervention/v1/${name}`),
    "google/rpc/error_details.proto",
    "health/v1/health.proto",
    "reflection/v1/reflection.proto",
    "reflection/v1alpha/reflection.proto",
  ],
  {
    ...LOAD_OPTIONS,
    includeDirs: [
      protoDir,
      `${nodeModules}/grpc-health-check/proto`,
      `${nodeModules}/@grpc/reflection/build/proto/grpc`,
    ],
  },
);

const methodSchema = z.object({
  path: z.string(),
  requestSerialize: z.custom<(value: object) => Buffer>(),
  responseDeserialize: z.custom<(bytes: Buffer) => Record<string, unknown>>(),
});
const typeSchema = z.object({
  type: z.object({ name: z.string() }).loose(),
  deserialize: z.custom<(bytes: Buffer) => Record<string, unknown>>(),
});

/** A client that shares no line with the server: grpc-js, on the raw protos. */
export class GrpcClient {
  readonly #client: Client;
  readonly #metadata: Metadata;

  constructor(address: string, headers: Readonly<Record<string, string>>) {
    this.#client = new Client(address, credentials.createInsecure());
    this.#metadata = toMetadata(headers);
  }

  /** @param method such as `intervention.v1.InterventionService/Trigger`. */
  call(method: string, request: object): Promise<Answer> {
    const { path, requestSerialize, responseDeserialize } = findMethod(method);
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        (error, body) => resolve(toAnswer(error, body)),
      );
    });
  }

  serverStream(method: string, request: object) {
    const { path, requestSerialize, responseDeserialize } = findMethod(method);
    return this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, this.#metadata);
  }

  bidiStream(method: string) {
    const { path, requestSerialize, responseDeserialize } = findMethod(method);
    return this.#client.makeBidiStreamRequest<object, Record<string, unknown>>(
      path,
      requestSerialize,
      responseDeserialize,
      this.#metadata,
    );
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An error as a caller sees it, with its details decoded. */
export function toAnswer(error: ServiceError | null, body: Record<string, unknown> = {}): Answer {
  if (error === null) return { code: 0, message: "", body, details: [] };
  const [status] = error.metadata.get("grpc-status-details-bin");
  const details = status instanceof Buffer ? decodeStatus(status) : [];
  return { code: error.code, message: error.details, body: {}, details };
}

const statusSchema = z.object({ details: z.array(z.object({ type_url: z.string(), value: z.instanceof(Buffer) })) });

function decodeStatus(bytes: Buffer): Record<string, unknown>[] {
  const { details } = statusSchema.parse(findType("google.rpc.Status")(bytes));
  return details.map(({ type_url, value }) => {
    const name = type_url.slice(type_url.lastIndexOf("/") + 1);
    return { type: name, ...findType(name)(value) };
  });
}

function findMethod(method: string): z.output<typeof methodSchema> {
  const [service = "", name = ""] = method.split("/");
  return methodSchema.parse(z.record(z.string(), z.unknown()).parse(definition[service])[name]);
}

function findType(name: string): (bytes: Buffer) => Record<string, unknown> {
  return typeSchema.parse(definition[name]).deserialize;
}

function toMetadata(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}
