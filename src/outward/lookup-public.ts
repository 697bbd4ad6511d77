import { lookup as resolve } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "../domain/outward/is-public-address.ts";

/** Resolves a name for the connection that is being made, so that no second answer can lead elsewhere than the one looked at. */
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

/** A literal address is never looked up.
 *  @throws Error when the host of a URL is one of a network of our own. */
export function refusePrivateHost(url: URL): void {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0) refusePrivate([host]);
}

function refusePrivate(addresses: readonly string[]): void {
  const bad = addresses.find((address) => !isPublicAddress(address));
  if (bad !== undefined) throw new Error("the host has an address that is not public");
}
