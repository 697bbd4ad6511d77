/** A range of addresses: its first, and how many leading bits all share. */
type Range = readonly [first: string, bits: number];

/** IPv4 that is not for everybody: IANA's special-purpose registry (RFC 6890 and its updates), multicast and what is reserved. */
const NOT_PUBLIC_V4: readonly Range[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Link-local, and where clouds serve a machine's own credentials.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];
/** Of IPv6 only global unicast is for everybody; within it these are not, some of which carry an IPv4 address inside. */
const PUBLIC_V6: Range = ["2000::", 3];
const NOT_PUBLIC_V6: readonly Range[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

/** Whether an IP address is reachable by everybody, and so leads into nobody's own network. What can't be read is not public. */
export function isPublicAddress(address: string): boolean {
  const v4 = toNumberV4(address);
  if (v4 !== undefined) return !NOT_PUBLIC_V4.some((range) => isInV4(v4, range));
  const v6 = toNumberV6(address);
  return v6 !== undefined && isInV6(v6, PUBLIC_V6) && !NOT_PUBLIC_V6.some((range) => isInV6(v6, range));
}

const isInV4 = (address: bigint, [first, bits]: Range) =>
  address >> BigInt(32 - bits) === (toNumberV4(first) ?? -1n) >> BigInt(32 - bits);
const isInV6 = (address: bigint, [first, bits]: Range) =>
  address >> BigInt(128 - bits) === (toNumberV6(first) ?? -1n) >> BigInt(128 - bits);

function toNumberV4(text: string): bigint | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

/** Dotted and scoped forms can't be read: those are mapped, or link-local. */
function toNumberV6(text: string): bigint | undefined {
  const halves = text.toLowerCase().split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/.test(group))) return undefined;
  return groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}
