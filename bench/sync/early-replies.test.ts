import { describe, expect, it } from "vitest";
import { findEarlyReplies } from "./early-replies.ts";
import { parseSystemCalls } from "./system-calls.ts";

const exchange = {
  isRequest: ({ text }: { text: string }) => text.includes("PUB a"),
  isReply: ({ text }: { text: string }) => text.includes("seq"),
  isFile: (target: string) => target.endsWith(".blk"),
};
const request = '7 100.000100 read(8<socket:[1]>, "PUB a 1\\r\\nx", 64) = 60 <0.000010>';
const write = '9 100.000200 pwrite64(5</data/1.blk>, "x", 38, 0) = 38 <0.000010>';
const sync = "9 100.000300 fsync(5</data/1.blk>) = 0 <0.000400>";
const reply = (at: string) => `7 ${at} write(8<socket:[1]>, "{\\"seq\\":1}", 9) = 9 <0.000010>`;
const replies = (...lines: string[]) => findEarlyReplies(parseSystemCalls(lines.join("\n")), exchange);

describe("an answer", () => {
  it("is in time when what it answers was written and synced before it leaves", () => {
    expect(replies(request, write, sync, reply("100.000800"))).toEqual({ answered: 1, early: [] });
  });

  it.each([
    ["nothing was synced", [request, write, reply("100.000800")]],
    ["the sync was still under way", [request, write, sync, reply("100.000500")]],
    [
      "only what was there before was synced",
      [sync.replace("100.000300", "99.0"), request, write, reply("100.000800")],
    ],
    ["the sync came before the write", [request, sync, write.replace("100.000200", "100.000750"), reply("100.000800")]],
    ["another file was synced", [request, write, sync.replace("1.blk", "2.db"), reply("100.000800")]],
  ])("is early when %s", (_, lines) => {
    expect(replies(...lines).early).toHaveLength(1);
  });

  it("is judged by when a sync came back, where strace saw it in two pieces", () => {
    const begun = "9 100.000300 fsync(5</data/1.blk> <unfinished ...>";
    const back = "9 100.000900 <... fsync resumed>) = 0 <0.000600>";
    expect(replies(request, write, begun, reply("100.000800"), back).early).toHaveLength(1);
    expect(replies(request, write, begun, back, reply("100.001000")).early).toEqual([]);
  });

  it("of another connection is judged by its own request", () => {
    const other = '7 100.000850 read(9<socket:[2]>, "PUB a 1\\r\\ny", 64) = 60 <0.000010>';
    const toOther = '7 100.000950 write(9<socket:[2]>, "{\\"seq\\":2}", 9) = 9 <0.000010>';
    const { answered, early } = replies(request, write, sync, reply("100.000800"), other, toOther);
    expect({ answered, early: early.map(({ fd }) => fd) }).toEqual({ answered: 2, early: [9] });
  });
});
