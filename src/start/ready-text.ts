/** What `npm start` prints once everything is up: where it is, and what to do next. */
export function readyText(engine: {
  readonly edgeUrl: string;
  readonly grpcUrl: string;
  readonly workspace: string;
  readonly credentialsPath: string;
  readonly hasTryPage: boolean;
  readonly tookMs: number;
}): string {
  const rows = [
    ["edge", `${engine.edgeUrl}  (HTTP, WebSocket, pages)`],
    ["gRPC", `${engine.grpcUrl}  (gRPC, gRPC-Web, Connect)`],
    ["workspace", engine.workspace],
    ["credentials", engine.credentialsPath],
  ];
  const table = rows.map(([name, value]) => `  ${String(name).padEnd(12)}${value}`).join("\n");
  const page = engine.hasTryPage ? `open ${engine.edgeUrl}/try, or ` : "";
  const next = `Next: ${page}get a socket token with: npm run -s token -- --user alice`;
  return `The engine is ready, in ${(engine.tookMs / 1000).toFixed(1)} s.\n${table}\n${next}\nCtrl-C stops it.\n`;
}
