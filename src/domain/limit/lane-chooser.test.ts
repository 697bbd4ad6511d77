import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Lane, LaneChooser } from "./lane-chooser.ts";

const MAIN_MAX = 100;
const lineNames = ["a", "b", "c"];
/** Something comes for a line, is on the stream or is not, or a lane is handled up to somewhere. */
const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("come" as const),
      line: fc.constantFrom(...lineNames),
      count: fc.integer({ min: 1, max: 80 }),
      isStored: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("handle" as const),
      lane: fc.constantFrom<Lane>("main", "bulk"),
      messages: fc.integer({ min: 1, max: 6 }),
    }),
  ),
  { maxLength: 60 },
);

type Message = { readonly line: string; readonly count: number; readonly sequence: number };

/** A stream with two lanes, each handled in order. */
class Stream {
  readonly chooser = new LaneChooser(MAIN_MAX);
  readonly waiting: Record<Lane, Message[]> = { main: [], bulk: [] };
  #sequence = 0;

  come(line: string, count: number, isStored = true): Lane {
    const lane = this.chooser.choose(line, count);
    if (isStored) this.#sequence += 1;
    if (isStored) this.waiting[lane].push({ line, count, sequence: this.#sequence });
    // As messages of a batch are answered: item by item.
    for (let n = 0; n < count; n += 1)
      this.chooser.published(line, { lane, count: 1, sequence: isStored ? this.#sequence : undefined });
    return lane;
  }

  handle(lane: Lane, messages: number): void {
    const sequence = this.waiting[lane].splice(0, messages).at(-1)?.sequence ?? 0;
    for (const line of lineNames) this.chooser.handled(line, { lane, sequence });
  }

  count(lane: Lane, line: string): number {
    return this.waiting[lane].filter((one) => one.line === line).reduce((sum, { count }) => sum + count, 0);
  }
}

describe("a choice of lanes", () => {
  it("keeps what a line has on the main lane within its bound, and all else of it behind what it has on the bulk lane", () => {
    fc.assert(
      fc.property(steps, (wished) => {
        const stream = new Stream();
        for (const step of wished) {
          if (step.kind === "handle") {
            stream.handle(step.lane, step.messages);
            continue;
          }
          const { count, line, isStored } = step;
          const before = { main: stream.count("main", line), bulk: stream.count("bulk", line) };
          const expected = before.bulk > 0 || before.main + count > MAIN_MAX ? "bulk" : "main";
          expect(stream.come(line, count, isStored)).toBe(expected);
          expect(stream.count("main", line)).toBeLessThanOrEqual(MAIN_MAX);
        }
      }),
    );
  });

  it("remembers nothing of lines of which nothing waits", () => {
    fc.assert(
      fc.property(steps, (wished) => {
        const stream = new Stream();
        for (const step of wished)
          if (step.kind === "come") stream.come(step.line, step.count, step.isStored);
          else stream.handle(step.lane, step.messages);
        for (const lane of ["main", "bulk"] as const) stream.handle(lane, 100);
        expect(stream.chooser.lines).toEqual([]);
      }),
    );
  });

  it("sends one line to the bulk lane and leaves the others where they are", () => {
    const stream = new Stream();
    for (let n = 0; n < 10; n += 1) stream.come("a", 50);
    expect([stream.count("main", "a"), stream.count("bulk", "a")]).toEqual([100, 400]);
    expect([stream.come("b", 1), stream.come("a", 1)]).toEqual(["main", "bulk"]);
  });

  it("counts what is being published, so that a flood between two answers does not slip through", () => {
    const chooser = new LaneChooser(MAIN_MAX);
    expect([chooser.choose("a", 60), chooser.choose("a", 60), chooser.choose("a", 1)]).toEqual([
      "main",
      "bulk",
      "bulk",
    ]);
    chooser.published("a", { lane: "bulk", count: 60, sequence: undefined });
    chooser.published("a", { lane: "bulk", count: 1, sequence: 7 });
    expect(chooser.choose("a", 1)).toBe("bulk");
  });

  it("asks to be told soon of a line that is held to the bulk lane or comes near it, and of no other", () => {
    const stream = new Stream();
    stream.come("a", 51);
    stream.come("b", 50);
    expect(["a", "b", "c"].map((line) => stream.chooser.isPressed(line))).toEqual([true, false, false]);
    stream.come("b", 51);
    stream.handle("main", 2);
    expect(["a", "b"].map((line) => stream.chooser.isPressed(line))).toEqual([false, true]);
  });
});
