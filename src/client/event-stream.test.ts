import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { createEventStreamReader } from "./event-stream.ts";

describe("event stream", () => {
  test.each([
    { text: "data: a\n\n", heard: ["a"] },
    { text: "data:a\r\n\r\ndata:  b\r\r", heard: ["a", " b"] },
    { text: "id: e:1\nevent: x\nretry: 3\ndata: a\ndata: b\n\n", heard: ["a\nb"] },
    { text: ":\n\n: still here\n", heard: [":", ":"] },
    { text: "\n\ndata: cut off", heard: [] },
  ])("reads $text as $heard", ({ text, heard }) => {
    // A lone carriage return at the very end only counts once more has come.
    expect(read([text, ":"]).slice(0, heard.length)).toEqual(heard);
  });

  it("reads the same however the text is cut", () => {
    const text = 'id: e:1\r\ndata: {"ping":{}}\r\n\r\n:\n\ndata: ä\rdata: b\r\rdata: c\n\n';
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const sorted = [0, ...cuts.toSorted((one, other) => one - other), text.length];
        const pieces = sorted.slice(1).map((end, index) => text.slice(sorted[index], end));
        expect(read(pieces)).toEqual(read([text]));
      }),
    );
    expect(read([text])).toEqual(['{"ping":{}}', ":", "ä\nb", "c"]);
  });
});

function read(pieces: string[]): string[] {
  const heard: string[] = [];
  const feed = createEventStreamReader({ message: (data) => heard.push(data), comment: () => heard.push(":") });
  for (const piece of pieces) feed(piece);
  return heard;
}
