import { createServer, type Server } from "node:http";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

/** An identity provider on a port of its own; its tokens are made by another library than the one that verifies them. */
export class JwksServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Map<string, { pair: Pair; alg: string }>();
  /** What `/jwks` answers beside the keys. */
  status = 200;
  isGarbage = false;
  /** How often it was asked. */
  asked = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", async (request, response) => {
      this.asked += 1;
      if (request.url !== "/elsewhere" && this.status === 302)
        return void response.writeHead(302, { location: "/elsewhere" }).end();
      const keys = await Promise.all([...this.#pairs].map(([kid, { pair, alg }]) => toPublic(kid, pair, alg)));
      response.writeHead(this.status === 302 ? 200 : this.status, { "content-type": "application/json" });
      response.end(this.isGarbage ? "<html>" : JSON.stringify({ keys }));
    });
  }

  static async start(): Promise<JwksServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new JwksServer(server);
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server listens on a port");
    return `http://127.0.0.1:${address.port}/jwks`;
  }

  async addKey(kid: string, alg = "RS256"): Promise<void> {
    this.#pairs.set(kid, { pair: await generateKeyPair(alg, { extractable: true }), alg });
  }

  /** It is not published any more. */
  removeKey(kid: string): void {
    this.#pairs.delete(kid);
  }

  /** @param claims `exp` and `nbf` as jose takes them, such as "1h". */
  async token(
    claims: JWTPayload,
    options: { kid: string; expires?: string | number; notBefore?: string; crit?: boolean },
  ) {
    const found = this.#pairs.get(options.kid);
    if (found === undefined) throw new Error(`there is no key ${options.kid}`);
    const jwt = new SignJWT(claims).setProtectedHeader({
      alg: found.alg,
      kid: options.kid,
      ...(options.crit === true ? { crit: ["b64"], b64: true } : {}),
    });
    if (options.expires !== undefined) jwt.setExpirationTime(options.expires);
    if (options.notBefore !== undefined) jwt.setNotBefore(options.notBefore);
    return jwt.sign(found.pair.privateKey);
  }

  /** The public key as text, which everybody can have. */
  async publicKey(kid: string): Promise<string> {
    const found = this.#pairs.get(kid);
    if (found === undefined) throw new Error(`there is no key ${kid}`);
    return exportSPKI(found.pair.publicKey);
  }

  /** Ends as if killed. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function toPublic(kid: string, { publicKey }: Pair, alg: string) {
  return { ...(await exportJWK(publicKey)), kid, alg, use: "sig" };
}
