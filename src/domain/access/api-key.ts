import { hash as digest, timingSafeEqual } from "node:crypto";

/** A key as its holder has it: `iek_{prefix}_{secret}`, or `iek_{secret}` as earlier versions made them. */
export type ParsedApiKey = { readonly prefix: string; readonly hash: string };

const PREFIX_LENGTH = 12;
const WITH_PREFIX = /^iek_([a-z0-9]{12})_[A-Za-z0-9_-]{43}$/;
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** Makes the prefix of a new key.
 *  @param random 12 random bytes; five bits of each are used. */
export function toKeyPrefix(random: Uint8Array): string {
  return [...random.subarray(0, PREFIX_LENGTH)].map((byte) => BASE32[byte % BASE32.length]).join("");
}

/** @param random 32 random bytes: as many bits as the hash has, so that a plain hash is enough to keep it. */
export const toApiKey = (prefix: string, random: Uint8Array) =>
  `iek_${prefix}_${Buffer.from(random).toString("base64url")}`;

/** The prefix by which a key is looked up, and the hash by which it is known. What was never a key gets one that nobody has. */
export function parseApiKey(apiKey: string): ParsedApiKey {
  const hash = digest("sha256", apiKey, "hex");
  return { prefix: WITH_PREFIX.exec(apiKey)?.[1] ?? toPrefix(hash), hash };
}

/** The prefix of a stored key: its id, or for keys that have none the beginning of their hash, which is their id. */
export const toPrefix = (keyId: string) => keyId.slice(0, PREFIX_LENGTH);

/** Compares two SHA-256 in hex; how long it takes tells nothing about where they differ. */
export function isSameHash(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(left, "hex"), Buffer.from(right, "hex"));
}
