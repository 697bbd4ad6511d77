import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { TrackedUrls } from "../domain/tracking/track-links.ts";
import type { AccessDirectory } from "./access-directory.ts";

/** What a link or picture of a message stands for. */
export type TrackedLink = {
  readonly workspaceId: string;
  readonly interventionId: string;
  readonly channel: string;
  readonly campaign: string;
  readonly actionId: string;
  /** Where it leads; empty for the picture and the trap. */
  readonly url: string;
};

/** Where the edge serves them. */
export const CLICK_PATH = "/c";
export const OPEN_PATH = "/o";

const VERSION = 1;
const SIGNATURE_BYTES = 16;
const URL_CHARACTERS_MAX = 1_000;
const TOKEN = /^([\w-]{1,64})\.([\w-]{1,8000})\.([\w-]{22})$/;
const INFO = "intervention-engine tracked links";

/** Signs what links lead to by HMAC-SHA256, with keys derived from those of the settings (RFC 5869): the first signs, every one verifies,
 *  so that a new key can be put in front while links of the old one are still out there. Nothing needs to be looked up to follow one. */
export class TrackedLinks {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #current: string | undefined;

  constructor(keys: readonly { readonly id: string; readonly key: Uint8Array }[]) {
    this.#keys = new Map(
      keys.map(({ id, key }) => [toKeyId(id), Buffer.from(hkdfSync("sha256", key, new Uint8Array(), INFO, 32))]),
    );
    this.#current = keys[0] === undefined ? undefined : toKeyId(keys[0].id);
  }

  /** The links of one message; undefined without a key.
   *  @param publicUrl how readers reach the edge. */
  toUrls(publicUrl: string, message: Omit<TrackedLink, "actionId" | "url">): TrackedUrls | undefined {
    const [keyId, key] = [this.#current, this.#keys.get(this.#current ?? "")];
    if (keyId === undefined || key === undefined) return undefined;
    const base = publicUrl.replace(/\/+$/, "");
    const sign = (path: string, url: string, actionId: string) =>
      `${base}${path}/${toToken(keyId, key, { ...message, url, actionId })}`;
    return {
      // A request line has a bound, which a longer one would not keep.
      click: (url, actionId) => (url.length > URL_CHARACTERS_MAX ? url : sign(CLICK_PATH, url, actionId)),
      pixel: `${sign(OPEN_PATH, "", "")}.gif`,
      trap: sign(CLICK_PATH, "", ""),
    };
  }

  /** @returns undefined for what no key here has signed, to the letter. */
  read(token: string): TrackedLink | undefined {
    const [, keyId = "", payload = "", signature = ""] = TOKEN.exec(token) ?? [];
    const key = this.#keys.get(keyId);
    if (key === undefined) return undefined;
    const given = Buffer.from(signature, "base64url");
    // The encoding of a signature has spare bits, which say nothing and so must not be changed either.
    const isExact = given.length === SIGNATURE_BYTES && given.toString("base64url") === signature;
    if (!isExact || !timingSafeEqual(given, toSignature(key, payload))) return undefined;
    return parse(payload);
  }
}

/** The links of messages, where readers can reach the edge and workspace and settings wish it. */
export function toTrackedUrls(
  links: TrackedLinks,
  access: Pick<AccessDirectory, "findWorkspace">,
  { PUBLIC_URL, TRACK_LINKS }: { readonly PUBLIC_URL?: string | undefined; readonly TRACK_LINKS: boolean },
) {
  if (PUBLIC_URL === undefined || !TRACK_LINKS) return undefined;
  return (message: Omit<TrackedLink, "actionId" | "url">) =>
    access.findWorkspace(message.workspaceId)?.linkTrackingOff === true ? undefined : links.toUrls(PUBLIC_URL, message);
}

const toKeyId = (id: string) => Buffer.from(id).toString("base64url");

function toToken(keyId: string, key: Buffer, link: TrackedLink): string {
  const { workspaceId, interventionId, channel, campaign, actionId, url } = link;
  const payload = Buffer.from(
    JSON.stringify([VERSION, workspaceId, interventionId, channel, campaign, actionId, url]),
  ).toString("base64url");
  return `${keyId}.${payload}.${toSignature(key, payload).toString("base64url")}`;
}

const toSignature = (key: Buffer, payload: string) =>
  createHmac("sha256", key).update(payload).digest().subarray(0, SIGNATURE_BYTES);

/** Only of what we have signed. */
function parse(payload: string): TrackedLink | undefined {
  const value: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  if (!Array.isArray(value) || value[0] !== VERSION) return undefined;
  const [, workspaceId, interventionId, channel, campaign, actionId, url] = value.map(String);
  if (workspaceId === undefined || interventionId === undefined || channel === undefined) return undefined;
  return { workspaceId, interventionId, channel, campaign: campaign ?? "", actionId: actionId ?? "", url: url ?? "" };
}
