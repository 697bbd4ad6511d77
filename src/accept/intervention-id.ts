import { createHmac } from "node:crypto";
import type { Workspace } from "../integrations/access-directory.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
/** 128 bits: no two keys of a workspace meet, and nobody guesses one. */
const ID_BYTES = 16;

/** The id that an idempotency key stands for, for ever. Keyed by the workspace's secret, because a key can often be guessed
 *  (an order number) and an id is shown to users' devices. Base32 (RFC 4648) in lower case, without padding: 26 characters. */
export function toInterventionId(workspace: Workspace, idempotencyKey: string): string {
  return toBase32(
    createHmac("sha256", workspace.idSecret).update(idempotencyKey, "utf8").digest().subarray(0, ID_BYTES),
  );
}

function toBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >>> bits) & 31];
      held &= (1 << bits) - 1;
    }
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}
