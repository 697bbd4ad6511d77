import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { DeliveryGuarantee } from "../../../gen/intervention/v1/intervention_pb.js";
import { Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { chooseAccount } from "./choose-account.ts";
import { type AttemptOutcome, type DeliveryStanding, toGuarantee, toNextStep } from "./next-step.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const ended = (outcome: AttemptOutcome, retryAfterMs?: number) => ({
  outcome,
  reason: "why",
  account: "a",
  retryAfterMs,
});
const standing = (changes: Partial<DeliveryStanding> = {}): DeliveryStanding => ({
  ...{ attempt: 2, attemptsMax: 10, failedAccounts: [], guarantee: "at_most_once", expireAt: undefined },
  ...changes,
});
const world = { now: NOW, random: 0.5, accounts: ["a"] };
const again = { kind: "again", attempt: 3 };

describe("what follows from an attempt", () => {
  test.each<[AttemptOutcome, Partial<DeliveryStanding>, object]>([
    ["sent", {}, { kind: "end", event: "sent", isDead: false }],
    ["give_up", {}, { kind: "end", event: "failed", reason: "why" }],
    ["suppress", {}, { kind: "end", event: "failed", reason: "why" }],
    ["refused", {}, { kind: "end", event: "failed" }],
    ["expired", {}, { kind: "end", event: "expired" }],
    ["cancelled", {}, { kind: "end", event: undefined }],
    ["put_back", {}, { ...again, at: NOW, attemptsMax: 11 }],
    ["unknown", {}, { kind: "end", event: "uncertain", isDead: false }],
    ["unknown", { guarantee: "at_least_once" }, { ...again, at: NOW, maybeTwice: true }],
    ["unknown", { guarantee: "at_least_once", attempt: 10 }, { kind: "end", event: "uncertain" }],
    ["retry", {}, { ...again, at: new Date(NOW.getTime() + 2_500), failedAccounts: ["a"], maybeTwice: false }],
    ["bad_credential", {}, { ...again, failedAccounts: ["a"] }],
    ["retry", { attempt: 10 }, { kind: "end", event: "failed", isDead: true }],
    ["retry", { expireAt: new Date(NOW.getTime() + 1_000) }, { kind: "end", event: "expired" }],
  ])("%s, with %o, is %o", (outcome, changes, step) => {
    expect(toNextStep(ended(outcome), standing(changes), world)).toMatchObject(step);
  });

  it("hands over to another account at once, and waits when a whole round has failed", () => {
    const both = { ...world, accounts: ["a", "b"] };
    expect(toNextStep(ended("retry"), standing(), both)).toMatchObject({ at: NOW });
    expect(toNextStep(ended("retry"), standing({ failedAccounts: ["b"] }), both)).toMatchObject({
      at: new Date(NOW.getTime() + 2_500),
    });
  });

  it("waits as long as the provider asks for", () => {
    expect(toNextStep(ended("retry", 60_000), standing(), world)).toMatchObject({
      at: new Date(NOW.getTime() + 60_000),
    });
  });

  it("always comes to an end, goes up by one attempt, and never sends again what may have come through at most once", () => {
    const outcome = fc.constantFrom<AttemptOutcome>("retry", "bad_credential", "unknown");
    fc.assert(
      fc.property(
        fc.array(outcome, { minLength: 30, maxLength: 30 }),
        fc.double({ min: 0, max: 0.99 }),
        (outcomes, random) => {
          let now = standing({ attempt: 1 });
          for (const [index, one] of outcomes.entries()) {
            const step = toNextStep(ended(one), now, { ...world, random });
            if (step.kind === "end") return;
            expect(one).not.toBe("unknown");
            expect(step.attempt).toBe(index + 2);
            now = { ...now, attempt: step.attempt, failedAccounts: step.failedAccounts };
          }
          throw new Error("it went on for ever");
        },
      ),
    );
  });
});

describe("the guarantee of a delivery", () => {
  const { AT_MOST_ONCE, AT_LEAST_ONCE, UNSPECIFIED } = DeliveryGuarantee;
  test.each([
    [UNSPECIFIED, Purpose.MARKETING, "at_most_once"],
    [UNSPECIFIED, Purpose.UNSPECIFIED, "at_most_once"],
    [UNSPECIFIED, Purpose.SERVICE, "at_least_once"],
    [AT_LEAST_ONCE, Purpose.MARKETING, "at_least_once"],
    [AT_MOST_ONCE, Purpose.SERVICE, "at_most_once"],
  ] as const)("%s for purpose %s is %s", (deliveryGuarantee, purpose, guarantee) => {
    expect(toGuarantee({ deliveryGuarantee, purpose })).toBe(guarantee);
  });
});

describe("the account that sends", () => {
  const accounts = [{ id: "a" }, { id: "b" }];
  test.each([
    [[], "a"],
    [["a"], "b"],
    [["a", "b"], "a"],
    [["b"], "a"],
    [["gone"], "a"],
  ])("after failures of %j is %s", (failed, id) => expect(chooseAccount(accounts, failed)?.id).toBe(id));
});
