import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { InvalidInput } from "../errors.ts";
import { Rendering } from "./rendering.ts";
import { compileAt, renderAt, VARIABLES } from "./testing/render-source.ts";

const tags = (count: number) => Array.from({ length: count }, () => "t");
const loops = (depth: number, body: string): string =>
  depth === 0 ? body : `<% for (const v${depth} of it.tags) { %>${loops(depth - 1, body)}<% } %>`;
const render = (source: string, values: Readonly<Record<string, unknown>>) =>
  renderAt("text", source, { variables: VARIABLES, values });

/** As many characters as a part may write. */
const CHARACTERS_MAX = 524_288;
const STEPS_MAX = 100_000;

describe("a template is stopped", () => {
  test.each([
    ["two loops over 500 elements", loops(2, "<%= it.name %>"), 500],
    ["a hundred turns of a loop in a loop in a loop", loops(3, ""), 100],
    ["loops as deep as they may be", loops(20, ""), 3],
    ["a loop in which much stands", loops(2, "<% if (it.flag) { %>x<% } %>".repeat(10)), 100],
  ])("in %s, having taken more steps than it may", (_, source, count) => {
    expect(() => render(source, { tags: tags(count) })).toThrow(`it takes more than ${STEPS_MAX} steps`);
  });

  test.each([
    ["by text in loops", loops(2, "0123456789".repeat(10)), { tags: tags(74) }],
    ["by a value again and again", "<%= it.name %>".repeat(530), { name: "x".repeat(1_000) }],
    ["by a value that grows as it is escaped", "<%= it.name %>".repeat(110), { name: "'".repeat(1_000) }],
  ])("%s, having written more than it may", (_, source, values) => {
    const place = source.includes("it.name") ? "html" : "text";
    expect(() => renderAt(place, source, { variables: VARIABLES, values })).toThrow(
      `it writes more than ${CHARACTERS_MAX} characters`,
    );
  });

  it("at the very bound, and not before it", () => {
    const exactly = CHARACTERS_MAX / 1_024;
    const at = new Rendering({ locale: "en", timeZone: "UTC" });
    for (let count = 0; count < exactly; count += 1) at.text("x".repeat(1_024));
    expect(() => at.text("x")).toThrow(InvalidInput);
    const steps = new Rendering({ locale: "en", timeZone: "UTC" });
    for (let count = 0; count < STEPS_MAX / 10; count += 1) steps.step(9, 0);
    expect(() => steps.step(0, 0)).toThrow(InvalidInput);
  });

  it("by a list that is cut where its variable says, and not by one that is long", () => {
    const source = "<% for (const tag of it.tags) { %>x<% } %>";
    expect(render(source, { tags: tags(10_000) })).toHaveLength(500);
  });
});

describe("a source is refused", () => {
  test.each([
    ["25 ifs in one another", "<% if (it.flag) { %>".repeat(25) + "<% } %>".repeat(25), "at most 24 levels"],
    ["17 parentheses in one another", `<%= ${"(".repeat(17)}it.name${")".repeat(17)} %>`, "at most 16 levels"],
    ["a hundred nots", `<% if (${"!".repeat(100)}it.flag) { %><% } %>`, "at most 16 levels"],
    ["more than 5,000 parts", "<%= it.name %>".repeat(5_001), "more than 5000 parts"],
    [
      "a filter of nine parameters",
      "<%= it.count | plural('1','2','3','4','5','6','7','8','9') %>",
      "at most 8 parameters",
    ],
  ])("with %s", (_, source, expected) => {
    expect(() => compileAt("text", source, { variables: VARIABLES })).toThrow(expected);
  });

  it("when its pieces lie in themselves, by whatever way", () => {
    const pieces = [
      { name: "a", source: '<%~ include("b") %>' },
      { name: "b", source: '<% layout("a") %>' },
    ];
    expect(() => compileAt("text", '<%~ include("a") %>', { pieces })).toThrow("pieces that don't lie in themselves");
  });

  it("when its pieces double at each level", () => {
    const pieces = Array.from({ length: 8 }, (_, level) => ({
      name: `p${level}`,
      source: level === 7 ? "x".repeat(10) : `<%~ include("p${level + 1}") %>`.repeat(8),
    }));
    expect(() => compileAt("text", '<%~ include("p0") %>', { pieces })).toThrow("more than 5000 parts");
  });

  it("with 50 mistakes at most, each once", () => {
    const source = Array.from({ length: 80 }, (_, index) => `<%= it.unknown${index} %>\n`).join("");
    try {
      compileAt("text", source);
      expect.unreachable("a source of unknown names is refused");
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      expect(error.violations).toHaveLength(50);
      expect(new Set(error.violations.map(({ description }) => description)).size).toBe(50);
    }
  });
});

describe("whatever a template is pieced together from", () => {
  const value = fc.constantFrom(
    "it.name",
    "it.tags | join",
    "it.count | plural('a', 'b')",
    "loop.number",
    "it.name | truncate(3)",
  );
  const source = fc.letrec<{ readonly all: string; readonly one: string }>((tie) => ({
    all: fc.array(tie("one"), { maxLength: 4 }).map((parts) => parts.join("")),
    one: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.string({ maxLength: 3 }).filter((text) => !text.includes("<")),
      value.map((one) => `<%= ${one} %>`),
      tie("all").map((inner) => `<% for (const one of it.tags) { %>${inner}<% } %>`),
      tie("all").map((inner) => `<% if (it.flag) { %>${inner}<% } else { %>${inner}<% } %>`),
    ),
  })).all;

  it("takes and writes no more than it may, by count", () => {
    fc.assert(
      fc.property(source, fc.constantFrom(0, 1, 9, 60, 500), fc.boolean(), (text, count, flag) => {
        const run = new CountedRun();
        try {
          const written = run.render(text, { tags: tags(count), flag, name: "x".repeat(900), count });
          expect(written.length).toBeLessThanOrEqual(CHARACTERS_MAX + text.length);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInput);
        }
        expect(run.turns).toBeLessThanOrEqual(STEPS_MAX);
      }),
      { numRuns: 1_000 },
    );
  }, 120_000);
});

/** Counts the turns of loops, by what generated code calls in each. */
class CountedRun {
  turns = 0;

  render(source: string, values: Readonly<Record<string, unknown>>): string {
    const { step } = Rendering.prototype;
    const count = () => {
      this.turns += 1;
    };
    Rendering.prototype.step = function counted(nodes, characters) {
      count();
      step.call(this, nodes, characters);
    };
    try {
      return render(source, values);
    } finally {
      Rendering.prototype.step = step;
    }
  }
}
