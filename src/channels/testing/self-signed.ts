import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** DER (X.690): a tag, the length of what follows, and that. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const bytes = length.subarray(length.findIndex((byte) => byte > 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, body]);
}
const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const bitString = (bytes: Uint8Array) => der(0x03, Buffer.from([0]), bytes);
const generalizedTime = (at: Date) => der(0x18, Buffer.from(`${at.toISOString().replaceAll(/[-:T]|\.\d+Z/g, "")}Z`));

/** sha256WithRSAEncryption, 1.2.840.113549.1.1.11, without parameters. */
const ALGORITHM = sequence(Buffer.from("06092a864886f70d01010b0500", "hex"));

/** A certificate (X.509, version 1) that nobody but its own key vouches for. */
export function makeSelfSigned(validity: { readonly from?: Date; readonly to?: Date } = {}): {
  readonly pem: string;
  readonly privateKey: KeyObject;
} {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const { from = new Date(Date.now() - 3_600_000), to = new Date(Date.now() + 86_400_000) } = validity;
  // One attribute: the common name, 2.5.4.3.
  const commonName = sequence(Buffer.from("0603550403", "hex"), der(0x0c, Buffer.from("sns.amazonaws.com")));
  const name = sequence(der(0x31, commonName));
  const signed = sequence(
    der(0x02, Buffer.from([1])),
    ALGORITHM,
    name,
    sequence(generalizedTime(from), generalizedTime(to)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const certificate = sequence(signed, ALGORITHM, bitString(sign("RSA-SHA256", signed, privateKey)));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return { pem: ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n"), privateKey };
}
