/** Errors travel in header fields, of which servers and proxies take some 8 KB in all: whatever a caller sent comes back in part.
 *  @param max characters, the ellipsis included. */
export const shorten = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1).toWellFormed()}…`;
