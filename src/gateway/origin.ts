/** Whether a page of this origin may connect. A browser always says where a page came from when it opens a socket;
 *  what sends no `Origin` is no browser, and the token alone decides. Our own pages come from the host they call. */
export function isOriginAllowed(options: {
  readonly origin: string;
  readonly host: string;
  readonly allowed: readonly string[];
}): boolean {
  const { origin, host, allowed } = options;
  if (origin === "" || allowed.includes("*")) return true;
  if (host !== "" && (origin === `http://${host}` || origin === `https://${host}`)) return true;
  return allowed.includes(origin);
}
