/** The locale of those there are that a user with this one gets: the longest that it begins with (RFC 4647, 3.4 Lookup).
 *  @returns "" for the default. */
export function chooseLocale(wanted: string, available: ReadonlySet<string>): string {
  let parts = wanted.toLowerCase().split("-");
  while (parts.length > 0 && parts[0] !== "") {
    const range = parts.join("-");
    for (const locale of available) if (locale.toLowerCase() === range) return locale;
    parts = parts.slice(0, -1);
    // A single letter or digit begins something, and does not end it.
    while (parts.length > 1 && parts.at(-1)?.length === 1) parts = parts.slice(0, -1);
  }
  return "";
}
