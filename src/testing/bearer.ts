import type { Interceptor } from "@connectrpc/connect";

/** Shows a credential, such as an API key, with each call. */
export const bearer =
  (credential: string): Interceptor =>
  (next) =>
  (request) => {
    request.header.set("authorization", `Bearer ${credential}`);
    return next(request);
  };
