import { isbotMatch } from "isbot";

/** A hit on a link or pixel, as far as its request tells. */
export type Hit = {
  readonly method: string;
  readonly userAgent: string;
  /** `Sec-Purpose`, `Purpose` or `X-Moz`; empty when none came. */
  readonly purpose: string;
  /** Whether it is the link in an email that no reader sees. */
  readonly isTrap: boolean;
  /** Whether it is the picture that tells of an opened email: then a proxy is nobody's look. */
  readonly isPixel: boolean;
};

/** Who was behind a hit, and what that was told by. */
export type Judged = {
  readonly actor: "person" | "scanner" | "prefetch" | "privacy_proxy" | "bot";
  readonly evidence: string;
};

/** Programs that look at mail before its reader does, by what they call themselves. Others look like browsers: they are told by
 *  what they do (the trap, HEAD, coming at once). */
const SCANNERS: readonly (readonly [RegExp, string])[] = [
  [/safelinks|microsoft office existence|office365|msoffice|microsoft-?preview/i, "Microsoft SafeLinks"],
  [/mimecast/i, "Mimecast"],
  [/proofpoint|urldefense/i, "Proofpoint"],
  [/barracuda/i, "Barracuda"],
  [/messagelabs|symantec|trend ?micro|sophos|fireeye|trellix|zscaler|forcepoint|cloudmark|ironport/i, "a mail scanner"],
];

/** Proxies that fetch pictures for the readers of a mail service, whether these look or not. */
const PROXIES: readonly (readonly [RegExp, string])[] = [
  [/GoogleImageProxy|ggpht\.com/i, "Google's image proxy"],
  [/YahooMailProxy/i, "Yahoo's mail proxy"],
  // Apple Mail Privacy Protection sends this and nothing else.
  [/^Mozilla\/5\.0$/, "Apple Mail Privacy Protection"],
];

/** Judges a hit by what is in it alone; the first that applies stands.
 *  Google's proxy fetches when a reader opens the mail, but again for each look of any reader and ahead for some: it proves no look. */
export function classifyActor({ method, userAgent, purpose, isTrap, isPixel }: Hit): Judged {
  if (isTrap) return { actor: "scanner", evidence: "it followed the link that no reader sees" };
  if (/prefetch|preview|prerender/i.test(purpose))
    return { actor: "prefetch", evidence: `purpose: ${shorten(purpose)}` };
  const scanner = SCANNERS.find(([pattern]) => pattern.test(userAgent));
  if (scanner !== undefined) return { actor: "scanner", evidence: `user agent: ${scanner[1]}` };
  const proxy = isPixel ? PROXIES.find(([pattern]) => pattern.test(userAgent)) : undefined;
  if (proxy !== undefined) return { actor: "privacy_proxy", evidence: `user agent: ${proxy[1]}` };
  if (method === "HEAD") return { actor: "scanner", evidence: "method: HEAD" };
  if (userAgent === "") return { actor: "bot", evidence: "no user agent" };
  const bot = isbotMatch(userAgent);
  if (bot !== null) return { actor: "bot", evidence: `user agent: ${shorten(bot)}` };
  return { actor: "person", evidence: "nothing speaks against it" };
}

/** A reader needs longer than this to get a mail, open it and choose. */
const READ_MS_MIN = 1_000;

/** Judges again by what only the recorder knows.
 *  @param sinceSentMs undefined where it is not known. */
export function judgeByTime(judged: Judged, sinceSentMs: number | undefined): Judged {
  if (judged.actor !== "person" || sinceSentMs === undefined || sinceSentMs >= READ_MS_MIN) return judged;
  return { actor: "scanner", evidence: `${Math.max(0, Math.round(sinceSentMs))} ms after it was sent` };
}

const SHOWN_MAX = 100;
const shorten = (text: string) => text.slice(0, SHOWN_MAX);
