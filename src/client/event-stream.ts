export interface EventStreamListener {
  /** The data of one event. */
  message(data: string): void;
  /** A comment, by which a server shows that it is there. */
  comment(): void;
}

/** Reads server-sent events out of text that comes in pieces cut anywhere. Fields other than data are
 *  passed over: a frame says itself what it is and where it stands.
 *  Source: html.spec.whatwg.org, "Interpreting an event stream".
 *  @returns a function to feed. */
export function createEventStreamReader(listener: EventStreamListener): (piece: string) => void {
  let rest = "";
  let data: string[] = [];
  const take = (line: string): void => {
    if (line === "") {
      if (data.length > 0) listener.message(data.join("\n"));
      data = [];
    } else if (line.startsWith(":")) listener.comment();
    else if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
  };
  return (piece) => {
    rest += piece;
    // A carriage return at the end may be the first half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  };
}
