/** What a method asks of its caller. `platform`: make and list workspaces, and administer any. */
export type Permission = "administer" | "author" | "read" | "read_sent" | "send" | "operate" | "platform";

/** What a key or token is given. */
export const ROLES = ["owner", "editor", "analyst", "sender", "operator"] as const;
export type Role = (typeof ROLES)[number];

/** Role → permissions. `read_sent` is what a sender needs to follow up on what it has sent; whoever reads everything has it too. */
const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  owner: ["administer", "author", "read", "read_sent", "send", "operate"],
  editor: ["author", "read", "read_sent"],
  analyst: ["read", "read_sent"],
  sender: ["send", "read_sent"],
  operator: ["operate"],
};

/** What several roles allow together. `platform` is no role, so that nobody can be given it by a call. */
export function permissionsOf(
  roles: readonly Role[],
  options: { readonly isPlatform?: boolean } = {},
): ReadonlySet<Permission> {
  const permissions = new Set(roles.flatMap((role) => PERMISSIONS[role]));
  if (options.isPlatform === true) permissions.add("platform");
  return permissions;
}

const SCOPE_PREFIX = "intervention.";

/** The roles among a token's scopes, such as `intervention.sender`; scopes of others are passed over. */
export function rolesOfScopes(scopes: readonly string[]): Role[] {
  return ROLES.filter((role) => scopes.includes(`${SCOPE_PREFIX}${role}`));
}
