/** How a text message is written, and into how many it is cut. */
export type SmsSegments = {
  readonly encoding: "gsm_7" | "ucs_2";
  readonly segments: number;
  /** Septets, or UTF-16 code units. */
  readonly units: number;
  /** What makes it UCS-2, up to 20 characters. */
  readonly notInGsm7: readonly string[];
};

/** 3GPP TS 23.038, 6.2.1: the default alphabet, ESC left out. */
const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
/** The same, 6.2.1.1: its extension table; each takes two septets. */
const EXTENSION = new Set("\f^{}\\[~]|€");
const SHOWN_MAX = 20;

/** 140 octets a segment; six of them for the header of a message of several (3GPP TS 23.040, 9.2.3.24.1): 160 or 153 septets,
 *  70 or 67 code units. A character is never cut in two, neither a pair of septets nor a surrogate pair. */
export function countSmsSegments(text: string): SmsSegments {
  const characters = [...text];
  const others = characters.filter((one) => !BASIC.has(one) && !EXTENSION.has(one));
  const isGsm = others.length === 0;
  const weights = characters.map((one) => (isGsm ? (EXTENSION.has(one) ? 2 : 1) : one.length));
  const units = weights.reduce((sum, weight) => sum + weight, 0);
  const [single, several] = isGsm ? [160, 153] : [70, 67];
  return {
    encoding: isGsm ? "gsm_7" : "ucs_2",
    segments: units <= single ? Math.min(units, 1) : countCut(weights, several),
    units,
    notInGsm7: [...new Set(others)].slice(0, SHOWN_MAX),
  };
}

function countCut(weights: readonly number[], max: number): number {
  let segments = 1;
  let used = 0;
  for (const weight of weights) {
    if (used + weight > max) {
      segments += 1;
      used = 0;
    }
    used += weight;
  }
  return segments;
}
