/** How the frames of a socket are encoded. */
export type FrameFormat = "json" | "proto";

/** What an upgrade request says of itself. */
export type Credentials = {
  readonly token: string;
  readonly format: FrameFormat /** The subprotocol to answer with; empty for none. */;
  readonly subprotocol: string;
};

const FORMATS: ReadonlyMap<string, FrameFormat> = new Map([
  ["intervention.v1.json", "json"],
  ["intervention.v1.proto", "proto"],
]);
const TOKEN_PREFIX = "token.";

/** Finds the token where a client can put it: browsers can set no header on a socket, so there it rides in a subprotocol;
 *  others send `Authorization`, or `?token=` where nothing else is possible. The first format offered that we know is taken. */
export function findCredentials(request: {
  readonly subprotocols: string;
  readonly authorization: string;
  readonly queryToken: string;
}): Credentials {
  const offered = request.subprotocols.split(",").map((name) => name.trim());
  const subprotocol = offered.find((name) => FORMATS.has(name)) ?? "";
  const tokenProtocol = offered.find((name) => name.startsWith(TOKEN_PREFIX))?.slice(TOKEN_PREFIX.length);
  return {
    token: tokenProtocol ?? findBearer(request.authorization) ?? request.queryToken,
    format: FORMATS.get(subprotocol) ?? "json",
    subprotocol,
  };
}

/** The token of an `Authorization: Bearer` header. */
export function findBearer(authorization: string): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}
