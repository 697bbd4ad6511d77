/** Where a credential may have a vendor called: a host of the vendor's own, such as another region's, by https. So nobody who may add a
 *  provider can have the engine call what only its own network reaches.
 *  @param options.domains the vendor's.
 *  @param options.allowPrivate whether it may be any host, also by plain http.
 *  @throws Error */
export function requireVendorHost(
  url: string,
  { domains, allowPrivate }: { readonly domains: readonly string[]; readonly allowPrivate: boolean },
): void {
  if (allowPrivate) return;
  const { hostname, protocol } = new URL(url);
  if (protocol !== "https:") throw new Error(`${url} is not https`);
  if (!domains.some((domain) => hostname === domain || hostname.endsWith(`.${domain}`)))
    throw new Error(`${url} is not at ${domains.join(" or ")}`);
}
