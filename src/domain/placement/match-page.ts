/** Which pages, by the path of their address. */
export type PageRule =
  | { readonly kind: "exact" | "prefix"; readonly path: string }
  /** `*`: anything within one segment; `**`: anything at all. */
  | { readonly kind: "glob"; readonly path: string };

export function matchesPage(rule: PageRule, path: string): boolean {
  switch (rule.kind) {
    case "exact":
      return path === rule.path;
    case "prefix":
      return path.startsWith(rule.path);
    case "glob":
      return matchesGlob(rule.path, path);
  }
}

/** Goes once through the path and keeps every place of the pattern that it may have come to, so that the time is bounded by
 *  the product of both lengths, whatever the pattern. */
function matchesGlob(pattern: string, path: string): boolean {
  const parts = pattern.match(/\*\*|\*|[^*]/gsu) ?? [];
  let places = skipStars(new Set([0]), parts);
  for (const character of path) {
    const next = new Set<number>();
    for (const place of places) {
      const part = parts[place];
      if (part === "**" || (part === "*" && character !== "/")) next.add(place);
      else if (part === character) next.add(place + 1);
    }
    places = skipStars(next, parts);
    if (places.size === 0) return false;
  }
  return places.has(parts.length);
}

/** A star may stand for nothing. */
function skipStars(places: Set<number>, parts: readonly string[]): Set<number> {
  // A set visits what is added to it meanwhile.
  for (const place of places) if (parts[place] === "*" || parts[place] === "**") places.add(place + 1);
  return places;
}

/** The path of an address or a path: without query, fragment and slash at its end, and with its escapes undone, so that what people
 *  read in their browser is what they write into a rule.
 *  @returns undefined when it is neither. */
export function toPath(address: string): string | undefined {
  if (!/^(\/|https?:\/\/)/i.test(address) || !URL.canParse(address, "https://page.invalid")) return undefined;
  const { pathname } = new URL(address, "https://page.invalid");
  return withoutSlash(decode(pathname));
}

/** `/a/` and `/a` are one page to whoever writes a rule. */
export const withoutSlash = (path: string): string => path.replace(/(?<=.)\/+$/, "");

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    // Not UTF-8: it stays as it is written.
    if (error instanceof URIError) return path;
    throw error;
  }
}
