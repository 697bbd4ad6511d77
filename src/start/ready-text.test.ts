import { expect, test } from "vitest";
import { readyText } from "./ready-text.ts";

test("the ready text says where everything is, what to do next, and how long it took", () => {
  const engine = { edgeUrl: "http://127.0.0.1:8080", grpcUrl: "http://127.0.0.1:9090", workspace: "main" };
  const text = readyText({ ...engine, credentialsPath: ".data/credentials.json", hasTryPage: true, tookMs: 2_345 });
  expect(text).toBe(`The engine is ready, in 2.3 s.
  edge        http://127.0.0.1:8080  (HTTP, WebSocket, pages)
  gRPC        http://127.0.0.1:9090  (gRPC, gRPC-Web, Connect)
  workspace   main
  credentials .data/credentials.json
Next: open http://127.0.0.1:8080/try, or get a socket token with: npm run -s token -- --user alice
Ctrl-C stops it.
`);
});
