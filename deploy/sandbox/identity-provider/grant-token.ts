import { z } from "zod";

/** A service that gets tokens by client credentials. */
export type Client = { readonly id: string; readonly secret: string; readonly scopes: readonly string[] };

/** Whom a token is for, and what it may. */
export type Grant = { readonly subject: string; readonly scope: string; readonly workspace: string | undefined };

/** By its code in RFC 6749, section 5.2. */
export type GrantError = {
  readonly error: "invalid_request" | "invalid_client" | "invalid_scope" | "unsupported_grant_type";
  readonly description: string;
};

const form = z.object({
  grant_type: z.string(),
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  username: z.string().min(1).max(128).optional(),
  scope: z.string().default(""),
  workspace: z.string().min(1).max(100).optional(),
});

/** Judges a request for a token: `client_credentials` for services, and `password` for shoppers, who are believed whoever they say
 *  they are, since nobody's password is known here.
 *  @param body a form, percent-encoded. */
export function grantToken(body: string, clients: readonly Client[]): Grant | GrantError {
  const parsed = form.safeParse(Object.fromEntries(new URLSearchParams(body)));
  if (!parsed.success) return { error: "invalid_request", description: z.prettifyError(parsed.error) };
  const { grant_type: type, client_id: id, client_secret: secret, scope, username, workspace } = parsed.data;
  if (type === "password") {
    if (username === undefined) return { error: "invalid_request", description: "username is missing" };
    if (scope !== "") return { error: "invalid_scope", description: "a shopper has no scopes" };
    return { subject: username, scope: "", workspace };
  }
  if (type !== "client_credentials")
    return { error: "unsupported_grant_type", description: "client_credentials and password are there" };
  const client = clients.find((one) => one.id === id && one.secret === secret);
  if (client === undefined)
    return { error: "invalid_client", description: "no client has this client_id and client_secret" };
  const asked = scope.split(" ").filter((one) => one !== "");
  const refused = asked.filter((one) => !client.scopes.includes(one));
  if (refused.length > 0)
    return { error: "invalid_scope", description: `${refused.join(" ")}: allowed are ${client.scopes.join(" ")}` };
  return { subject: client.id, scope: (asked.length > 0 ? asked : client.scopes).join(" "), workspace };
}
