import type { KnownProvider } from "../../channels/known-provider.ts";
import type { ApiParts } from "../api-routes.ts";
import { GrpcClient } from "./grpc-client.ts";
import { startApi } from "./start-api.ts";

/** The API with a client of its workspace and one of another's.
 *  @param service whose methods `call` and `callAsStranger` name, such as `intervention.v1.CatalogService`. */
export async function startCallers(
  service: string,
  overrides: Partial<ApiParts> = {},
  providers: readonly KnownProvider[] = [],
) {
  const api = await startApi(overrides, providers);
  const client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
  const stranger = new GrpcClient(api.address, { authorization: `Bearer ${api.otherApiKey}` });
  return {
    ...api,
    client,
    call: (method: string, request: object) => client.call(`${service}/${method}`, request),
    callAsStranger: (method: string, request: object) => stranger.call(`${service}/${method}`, request),
    async [Symbol.asyncDispose]() {
      client.close();
      stranger.close();
      await api[Symbol.asyncDispose]();
    },
  };
}
