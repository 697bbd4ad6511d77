import jwt from "jsonwebtoken";
import { z } from "zod";

const AUDIENCE = "intervention.user";
const claims = z.object({ sub: z.string().min(1), exp: z.number() });

/** The workspace that a token of ours says it is of; undefined when it is none of ours. Nothing is verified yet. */
export function findTokenWorkspace(token: string): string | undefined {
  const decoded = jwt.decode(token, { complete: true });
  // Ours name no issuer: that is how they are told from an identity provider's.
  return decoded === null || typeof decoded.payload === "string" || decoded.payload.iss !== undefined
    ? undefined
    : decoded.header.kid;
}

/** Whose token this is, if it was signed with this secret and has not ended. */
export function verifyOwnToken(token: string, secret: Buffer): { userId: string; expiresAt: Date } | undefined {
  try {
    const { sub, exp } = claims.parse(jwt.verify(token, secret, { algorithms: ["HS256"], audience: AUDIENCE }));
    return { userId: sub, expiresAt: new Date(exp * 1_000) };
  } catch {
    // A token that is not right in any way is simply not a credential; why is nobody's business but its maker's.
    return undefined;
  }
}

/** Makes a user's token. */
export function signOwnToken(
  {
    workspaceId,
    userId,
    expiresAt,
  }: { readonly workspaceId: string; readonly userId: string; readonly expiresAt: Date },
  secret: Buffer,
): { token: string; expiresAt: Date } {
  const exp = Math.floor(expiresAt.getTime() / 1_000);
  const options = { algorithm: "HS256", keyid: workspaceId } as const;
  return { token: jwt.sign({ sub: userId, aud: AUDIENCE, exp }, secret, options), expiresAt: new Date(exp * 1_000) };
}
