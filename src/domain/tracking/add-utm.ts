/** Adds to a destination where its visitor comes from, by the parameters that web analytics read (Google's "Custom campaigns"); those
 *  that are there stay as they are. What is empty is left out. */
export function addUtm(
  destination: string,
  utm: { readonly medium: string; readonly campaign: string; readonly content: string },
): string {
  const url = new URL(destination);
  const wanted = { source: "intervention-engine", ...utm };
  for (const [name, value] of Object.entries(wanted))
    if (value !== "" && !url.searchParams.has(`utm_${name}`)) url.searchParams.set(`utm_${name}`, value);
  return url.href;
}
