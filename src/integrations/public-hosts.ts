import { lookup as resolve } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "../domain/outward/is-public-address.ts";

/** An address that somebody named leads into a private network. */
export class PrivateHost extends Error {}

/** A literal address is never looked up, so it is looked at before the connection.
 *  @throws PrivateHost */
export function refusePrivateLiteral({ hostname }: URL): void {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0) refusePrivate([host]);
}

/** What is called by a URL that somebody named is https, and no literal address of a private network.
 *  @param options.allowPrivate whether it may be plain http, and in a network of our own.
 *  @throws Error for the protocol, PrivateHost for the address. */
export function requireCallable(url: URL, { allowPrivate }: { readonly allowPrivate: boolean }): void {
  if (url.protocol !== "https:" && !(allowPrivate && url.protocol === "http:")) throw new Error("the URL is not https");
  if (!allowPrivate) refusePrivateLiteral(url);
}

/** Resolves a name for the connection that is being made, so that no second answer can lead elsewhere than the one looked at.
 *  Fails with PrivateHost. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, []);
    try {
      refusePrivate(addresses.map(({ address }) => address));
    } catch (refusal) {
      return callback(refusal as NodeJS.ErrnoException, []);
    }
    const [first] = addresses;
    if (options.all === true || first === undefined) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function refusePrivate(addresses: readonly string[]): void {
  const bad = addresses.find((address) => !isPublicAddress(address));
  if (bad !== undefined) throw new PrivateHost("the host has an address that is not public");
}
