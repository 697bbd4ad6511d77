import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CellSum, type EventGroup } from "./cell.ts";
import { type Counted, CountedSum } from "./counted.ts";

const someGroup: fc.Arbitrary<EventGroup> = fc.record({
  kind: fc.constantFrom("sent", "clicked"),
  ...{ campaign: fc.constantFrom("", "spring"), channel: fc.constantFrom("email", "sms") },
  ...{ variant: fc.constant(""), template: fc.constantFrom("", "hello@1"), locale: fc.constantFrom("", "fr") },
  ...{ reason: fc.constant(""), rule: fc.constant(""), byPerson: fc.boolean(), currency: fc.constant("EUR") },
  ...{ count: fc.nat(5), valueMinor: fc.nat(100), costMicros: fc.nat(100) },
  segments: fc.subarray(["loyal", "new", "staff"]),
});

const sumOf = (groups: readonly EventGroup[], before: readonly Counted[] = []) => {
  const sum = new CountedSum();
  for (const group of groups) sum.addGroup(group);
  for (const one of before) sum.add(one);
  return sum.toCounted();
};

describe("what is counted by segment", () => {
  it("is what those alone come to who were in it, and everybody is counted once all the same", () => {
    fc.assert(
      fc.property(fc.array(someGroup, { maxLength: 30 }), (groups) => {
        const { cells, segments = [] } = sumOf(groups);
        const all = new CellSum();
        for (const group of groups) all.addGroup(group);
        expect(cells).toEqual(all.toCells());
        for (const segment of ["loyal", "new", "staff"]) {
          const own = new CellSum();
          for (const group of groups)
            if (group.segments?.includes(segment) === true)
              own.addGroup({ ...group, variant: "", template: "", locale: "" });
          expect(segments.find((one) => one.segment === segment)?.cells ?? []).toEqual(own.toCells());
        }
      }),
    );
  });

  it("adds up to the same however it is cut up, and in whatever order", () => {
    fc.assert(
      fc.property(fc.array(someGroup, { maxLength: 30 }), fc.nat(30), (groups, cut) => {
        const [first, second] = [sumOf(groups.slice(0, cut)), sumOf(groups.slice(cut))];
        const whole = JSON.stringify(sumOf(groups));
        expect(JSON.stringify(sumOf([], [first, second]))).toBe(whole);
        expect(JSON.stringify(sumOf([], [second, first]))).toBe(whole);
      }),
    );
  });

  it("is nothing where nobody is in any", () => {
    expect(sumOf([])).toEqual({ cells: [] });
  });
});
