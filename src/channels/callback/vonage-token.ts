import { createHash, timingSafeEqual } from "node:crypto";
import { errors, jwtVerify } from "jose";
import { z } from "zod";
import { CallbackRefused, requireFresh } from "./report.ts";

const claims = z.object({
  iat: z.number(),
  api_key: z.string(),
  application_id: z.string().optional(),
  payload_hash: z.string().regex(/^[0-9a-f]{64}$/i),
});

const BEARER = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i;
const TOKEN_CHARACTERS_MAX = 4_096;

/** Makes sure that Vonage has made a call, for this account, with this body, and not long ago ("Signed webhooks", Vonage developer
 *  documentation): a JWT by HS256 in `Authorization`, whose `payload_hash` is the body's SHA-256.
 *  @throws CallbackRefused */
export async function verifyVonageCall(
  { authorization, body }: { readonly authorization: string; readonly body: Uint8Array },
  options: {
    readonly apiKey: string;
    readonly applicationId: string;
    readonly signatureSecret: string;
    readonly now: Date;
  },
): Promise<void> {
  const { apiKey, applicationId, signatureSecret, now } = options;
  // "The callback service will send an unsigned callback" in the rare case of a fault, and again when it gets a 5xx.
  if (authorization === "")
    throw new CallbackRefused("unsigned", "it has no Authorization: Vonage signs what it sends");
  const token = authorization.length > TOKEN_CHARACTERS_MAX ? undefined : BEARER.exec(authorization)?.[1];
  if (token === undefined) throw new CallbackRefused("forged", "its Authorization is no bearer token");
  const said = claims.safeParse(await readClaims(token, signatureSecret, now));
  if (!said.success) throw new CallbackRefused("forged", `its token has no ${said.error.issues[0]?.path.join(".")}`);
  const { iat, api_key, application_id = applicationId, payload_hash } = said.data;
  requireFresh(new Date(iat * 1_000), now);
  if (api_key !== apiKey || application_id !== applicationId)
    throw new CallbackRefused("forged", "its token is for another account of Vonage");
  const hash = createHash("sha256").update(body).digest();
  if (!timingSafeEqual(Buffer.from(payload_hash, "hex"), hash))
    throw new CallbackRefused("forged", "its body is not the one that was signed");
}

async function readClaims(token: string, secret: string, now: Date): Promise<unknown> {
  try {
    const key = new TextEncoder().encode(secret);
    return (await jwtVerify(token, key, { algorithms: ["HS256"], currentDate: now })).payload;
  } catch (cause) {
    if (!(cause instanceof errors.JOSEError)) throw cause;
    throw new CallbackRefused("forged", "its token is not signed by the account's signature secret, or is over", {
      cause,
    });
  }
}
