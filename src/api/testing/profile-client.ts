import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ProfileService } from "../../../gen/intervention/v1/profile_service_pb.js";
import { bearer } from "../../testing/bearer.ts";

/** A caller of ProfileService over gRPC. */
export const createProfileClient = (baseUrl: string, apiKey: string) =>
  createClient(
    ProfileService,
    createGrpcTransport({
      baseUrl,
      interceptors: [bearer(apiKey)],
    }),
  );

/** Code and message of what a call was refused with; `ok` when it was not. */
export const refusalOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "ok",
    (error: unknown) => (error instanceof ConnectError ? `${Code[error.code]}: ${error.rawMessage}` : String(error)),
  );
