import { describe, expect, it } from "vitest";
import type { Purchase } from "../cdnow.ts";
import { Account, type Entry } from "./account.ts";

const purchase = (line: number): Purchase => ({
  ...{ line, customer: "00001", date: "1997-01-01", cds: 1, cents: 1_177 },
});

/** Published at 1,000 ms, and accepted as `iv{line}`. */
function accepted(...lines: number[]): Account {
  const account = new Account();
  for (const line of lines) {
    account.publish(purchase(line), 1_000);
    account.accept(`iv${line}`, purchase(line));
  }
  return account;
}

describe("the account of the demo", () => {
  it("balances when what each purchase led to was shown or is in the inbox", () => {
    const account = accepted(1, 2);
    account.show("iv1", "00001", 1_010);
    account.inbox("iv2", "00001");
    expect(account.balance()).toMatchObject({
      accepted: 2,
      delivered: 1,
      toInbox: 1,
      lost: 0,
      twice: 0,
      spoilt: 0,
      latencyMs: { p50: expect.closeTo(10, 1) },
    });
    expect(account.balance().received).toEqual({ purchases: 2, customers: 1, cents: 2_354 });
  });

  it("calls lost what was accepted and is nowhere, and names who waits for it", () => {
    const account = accepted(1, 2);
    account.show("iv1", "00001", 1_010);
    expect(account.balance()).toMatchObject({ lost: 1, received: { purchases: 1 } });
    expect([...account.customersWaiting()]).toEqual(["00001"]);
  });

  it("calls lost what was published and never accepted", () => {
    const account = new Account();
    account.publish(purchase(1), 1_000);
    expect(account.balance()).toMatchObject({ accepted: 0, lost: 1 });
  });

  it("calls twice each callback after the first", () => {
    const account = accepted(1);
    for (let i = 0; i < 3; i += 1) account.show("iv1", "00001", 1_010);
    expect(account.balance()).toMatchObject({ delivered: 1, twice: 2 });
  });

  it("calls twice a second intervention for one purchase", () => {
    const account = accepted(1);
    account.accept("iv1-again", purchase(1));
    account.show("iv1", "00001", 1_010);
    account.inbox("iv1-again", "00001");
    expect(account.balance()).toMatchObject({ lost: 0, twice: 1 });
  });

  it("counts once what was in the inbox before it was shown", () => {
    const account = accepted(1);
    account.inbox("iv1", "00001");
    account.show("iv1", "00001", 1_010);
    expect(account.balance()).toMatchObject({ delivered: 1, toInbox: 0, twice: 0, received: { purchases: 1 } });
  });

  it.each<[string, string, Entry]>([
    ["came to another customer", "00002", purchase(1)],
    ["was accepted for another customer", "00002", { ...purchase(1), customer: "00002" }],
    ["is of no purchase", "00001", { ...purchase(1), line: Number.NaN }],
    ["is of another sum", "00001", { ...purchase(1), cents: 1_178 }],
  ])("calls spoilt what %s", (_name, receiver, entry) => {
    const account = new Account();
    account.publish(purchase(1), 1_000);
    account.accept("iv1", entry);
    account.show("iv1", receiver, 1_010);
    expect(account.balance().spoilt).toBe(1);
  });

  it("calls spoilt what nobody accepted", () => {
    const account = accepted();
    account.inbox("iv9", "00001");
    expect(account.balance().spoilt).toBe(1);
  });

  it("may see the callback before the ledger was read", () => {
    const account = new Account();
    account.publish(purchase(1), 1_000);
    account.show("iv1", "00001", 1_004);
    account.accept("iv1", purchase(1));
    expect(account.balance()).toMatchObject({ lost: 0, spoilt: 0, latencyMs: { p50: expect.closeTo(4, 1) } });
  });
});
