import { describe, expect, it, test } from "vitest";
import { note, plan, type Synced } from "./plan.ts";
import { type Kept, type Thing, toPath } from "./thing.ts";
import { toSummary } from "./to-summary.ts";
import { parseYaml, toYaml } from "./yaml.ts";

const segment = (id: string, displayName: string): Thing => ({ folder: "segments", id, content: { displayName } });
const template = (id: string, displayName: string): Thing => ({ folder: "templates", id, content: { displayName } });
const campaign = (id: string, use: Thing["content"]): Thing => ({
  folder: "campaigns",
  id,
  content: { template: use },
});
const keptOf = (thing: Thing): Kept => ({ ...thing, place: "main", isOver: false, etag: `etag of ${thing.id}` });
const compare = (files: Thing[], kept: Thing[], synced: Synced = {}, used: Record<string, string[]> = {}) =>
  plan(files, kept.map(keptOf), { synced, listUsed: ({ id }) => used[id] ?? [] });
const changesOf = ({ changes }: ReturnType<typeof plan>) =>
  changes.map(({ thing, kept }) => `${kept === undefined ? "make" : "change"} ${toPath(thing)}`);

describe("a plan", () => {
  it("makes what is new, changes what differs, and leaves alone what is the same or only in the workspace", () => {
    const made = compare(
      [segment("a", "A"), segment("b", "new name"), segment("c", "C")],
      [segment("b", "B"), segment("c", "C"), segment("d", "D")],
    );
    expect(changesOf(made)).toEqual(["make segments/a", "change segments/b"]);
    expect(made.same.map(({ thing }) => thing.id)).toEqual(["c"]);
    expect(toSummary(made)).toEqual([
      "+ segments/a",
      "    + displayName: A",
      "~ segments/b",
      "    - displayName: B",
      "    + displayName: new name",
      "? segments/d is only in the workspace, and stays as it is",
      "2 to change, 1 the same, 1 only in the workspace",
    ]);
  });

  it("puts what others name before them, whatever their ids, and gets through a circle", () => {
    const files = [segment("a", "A"), segment("b", "B"), segment("c", "C"), template("a", "T"), campaign("a", {})];
    const inOrder = compare(files, [], {}, { a: ["b"], b: ["c"] });
    expect(changesOf(inOrder).slice(0, 3)).toEqual(["make segments/c", "make segments/b", "make segments/a"]);
    expect(changesOf(inOrder).slice(3)).toEqual(["make templates/a", "make campaigns/a"]);
    expect(changesOf(compare(files.slice(0, 3), [], {}, { a: ["b"], b: ["a"] })).sort()).toEqual(
      ["a", "b", "c"].map((id) => `make segments/${id}`),
    );
  });

  it("is blind to the order of fields", () => {
    const file: Thing = {
      folder: "segments",
      id: "a",
      content: { displayName: "A", rule: { exists: "x", not: { exists: "y" } } },
    };
    const other: Thing = {
      folder: "segments",
      id: "a",
      content: { rule: { not: { exists: "y" }, exists: "x" }, displayName: "A" },
    };
    expect(changesOf(compare([file], [other]))).toEqual([]);
  });

  it("renews a campaign that uses the newest version of a template that changes, and no other", () => {
    const files: Thing[] = [
      template("t", "new"),
      template("u", "U"),
      campaign("newest", { template: "t" }),
      campaign("pinned", { template: "t", version: 2 }),
      campaign("other", { template: "u" }),
      {
        folder: "campaigns",
        id: "travels",
        content: { journey: { steps: [{ send: { template: { template: "t" } } }] } },
      },
      { folder: "experiments", id: "split", content: { variants: [{ treatment: { template: { template: "t" } } }] } },
    ];
    const made = compare(files, [template("t", "old"), ...files.slice(1)]);
    expect(changesOf(made)).toEqual(["change templates/t", "change campaigns/newest", "change campaigns/travels"]);
    expect(toSummary(made)).toContain("    takes the new version of its template");
  });
});

describe("what is over in the workspace", () => {
  it("stays as it is, and is said when a file has it", () => {
    const kept = [
      { ...keptOf(segment("a", "A")), isOver: true },
      { ...keptOf(segment("b", "B")), isOver: true },
    ];
    const made = plan([segment("a", "new name")], kept, { synced: {}, listUsed: () => [] });
    expect(changesOf(made)).toEqual([]);
    expect(toSummary(made)).toEqual([
      "! segments/a is over in the workspace, and stays as it is",
      "0 to change, 0 the same, 0 only in the workspace",
    ]);
  });
});

describe("what is noted of the last time", () => {
  const [file, filled] = [
    segment("a", "A"),
    { ...segment("a", "A"), content: { displayName: "A", priority: "normal" } },
  ];
  const synced = note({}, [{ thing: file, kept: keptOf(filled) }]);

  test.each([
    ["nothing changed since, though the engine filled in a default", file, filled, [], 0],
    ["the file changed", segment("a", "B"), filled, ["change segments/a"], 0],
    ["the workspace changed", file, segment("a", "by hand"), ["change segments/a"], 1],
    ["both changed", segment("a", "B"), segment("a", "by hand"), ["change segments/a"], 1],
    ["both changed to the same", segment("a", "B"), segment("a", "B"), [], 0],
  ] as const)("%s", (_, now, kept, changes, conflicts) => {
    const made = compare([now], [kept], synced);
    expect(changesOf(made)).toEqual(changes);
    expect(made.conflicts).toHaveLength(conflicts);
  });

  it("is of one workspace, and says nothing of another", () => {
    const elsewhere = [{ ...keptOf(segment("a", "there")), place: "production" }];
    expect(plan([file], elsewhere, { synced, listUsed: () => [] }).conflicts).toEqual([]);
    const both = note(synced, [{ thing: file, kept: { ...keptOf(file), place: "production" } }]);
    expect(Object.keys(both)).toEqual(["main", "production"]);
    expect(both.main).toEqual(synced.main);
  });
});

describe("the text of a file", () => {
  it("keeps every text as it is, those of several lines to be read line by line", () => {
    const content = {
      html: "<p>\n  one line that is longer than eighty characters, and goes on and on until it is over\n\n</p>\n",
      yes: "yes",
      number: "12",
      empty: "",
      spaces: "  two before\n and after  \n",
      list: [{ a: 1 }, { a: 1.5 }, { a: null }, { a: true }],
    };
    expect(parseYaml(toYaml(content))).toEqual(content);
    expect(toYaml(content)).toContain("html: |\n  <p>\n    one line that is longer than eighty");
  });

  test.each([
    ["a key twice", "a: 1\na: 2\n", /unique.*line 2/],
    ["a tab for indentation", "a:\n\tb: 1\n", /line 2/],
    ["something unclosed", '{"a": [1, 2\n', /line/],
  ])("says where it is wrong: %s", (_, text, message) => {
    expect(() => parseYaml(text)).toThrow(message);
  });
});
