import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";

/** What is asked, in both versions of the protocol. */
type Question =
  | {
      readonly case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices";
      readonly value: string;
    }
  | {
      readonly case: "fileContainingExtension";
      readonly value: { readonly containingType: string; readonly extensionNumber: number };
    }
  | { readonly case: undefined };

type Reply =
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** grpc.Status numbers, which the protocol carries in its own answers. */
const NOT_FOUND = 5;
const INVALID_ARGUMENT = 3;

/** Serves reflection of `services` and of itself in the version of today and in the one that older tools speak, so that
 *  grpcurl and its like work without any proto file. Symbols of `extraFiles` are known too, such as those of error details. */
export function registerReflection(
  router: ConnectRouter,
  services: readonly DescService[],
  extraFiles: readonly DescFile[],
): void {
  const answer = answerer([...services, ServerReflection, ServerReflectionAlpha], extraFiles);
  router.service(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests)
        yield { validHost: request.host, originalRequest: request, messageResponse: answer(request.messageRequest) };
    },
  });
  router.service(ServerReflectionAlpha, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests)
        yield { validHost: request.host, originalRequest: request, messageResponse: answer(request.messageRequest) };
    },
  });
}

function answerer(services: readonly DescService[], extraFiles: readonly DescFile[]) {
  const files = new Map<string, DescFile>();
  for (const file of [...services.map((service) => service.file), ...extraFiles]) addWithDependencies(files, file);
  const bySymbol = new Map(
    [...files.values()].flatMap((file) => symbolsOf(file).map((symbol) => [symbol, file] as const)),
  );

  return (question: Question): Reply => {
    switch (question.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: services.map(({ typeName: name }) => ({ name })) } };
      case "fileByFilename":
        return toFileResponse(files.get(question.value), `there is no file "${question.value.slice(0, 200)}"`);
      case "fileContainingSymbol":
        return toFileResponse(bySymbol.get(question.value), `there is no symbol "${question.value.slice(0, 200)}"`);
      case "fileContainingExtension":
        return toError(NOT_FOUND, "there are no extensions");
      case "allExtensionNumbersOfType":
        return bySymbol.has(question.value)
          ? { case: "allExtensionNumbersResponse", value: { baseTypeName: question.value, extensionNumber: [] } }
          : toError(NOT_FOUND, `there is no message "${question.value.slice(0, 200)}"`);
      case undefined:
        return toError(INVALID_ARGUMENT, "nothing is asked");
    }
  };
}

/** The file and all it needs, so that a tool can build it without asking again. */
function toFileResponse(file: DescFile | undefined, missing: string): Reply {
  if (file === undefined) return toError(NOT_FOUND, missing);
  const files = new Map<string, DescFile>();
  addWithDependencies(files, file);
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: [...files.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)) },
  };
}

const toError = (errorCode: number, errorMessage: string): Reply => ({
  case: "errorResponse",
  value: { errorCode, errorMessage },
});

function addWithDependencies(files: Map<string, DescFile>, file: DescFile): void {
  if (files.has(file.proto.name)) return;
  files.set(file.proto.name, file);
  for (const dependency of file.dependencies) addWithDependencies(files, dependency);
}

function symbolsOf(file: DescFile): string[] {
  return [...nestedTypes(file)].flatMap((type) => {
    if (type.kind === "service") return [type.typeName, ...type.methods.map(({ name }) => `${type.typeName}.${name}`)];
    return type.kind === "message"
      ? [type.typeName, ...type.fields.map(({ name }) => `${type.typeName}.${name}`)]
      : [type.typeName];
  });
}
