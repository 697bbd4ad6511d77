import { describe, expect, it } from "vitest";
import type { Purchase } from "../cdnow.ts";
import { Account, toReceipt } from "./account.ts";

const purchase = (line: number, customer = "00001"): Purchase => ({
  line,
  customer,
  date: "1997-01-01",
  cds: 1,
  cents: 1_177,
});
const receipt = (line: number, customer = "00001") =>
  toReceipt(customer, { line, cds: 1, cents: 1_177, date: "1997-01-01" });

function sent(...lines: number[]): Account {
  const account = new Account();
  for (const line of lines) {
    account.send(purchase(line), 1_000);
    account.accept(purchase(line), `iv${line}`);
  }
  return account;
}

describe("the account of the demo", () => {
  it("balances when each purchase was shown or is in the inbox", () => {
    const account = sent(1, 2);
    account.show("iv1", receipt(1), 1_010);
    account.inbox("iv2", receipt(2));
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
    const account = sent(1, 2);
    account.show("iv1", receipt(1), 1_010);
    expect(account.balance()).toMatchObject({ lost: 1, received: { purchases: 1 } });
    expect([...account.customersWaiting()]).toEqual(["00001"]);
  });

  it("calls twice each callback after the first", () => {
    const account = sent(1);
    for (let i = 0; i < 3; i += 1) account.show("iv1", receipt(1), 1_010);
    expect(account.balance()).toMatchObject({ delivered: 1, twice: 2 });
  });

  it("counts once what was in the inbox before it was shown", () => {
    const account = sent(1);
    account.inbox("iv1", receipt(1));
    account.show("iv1", receipt(1), 1_010);
    expect(account.balance()).toMatchObject({ delivered: 1, toInbox: 0, twice: 0, received: { purchases: 1 } });
  });

  it.each([
    ["came to another customer", receipt(1, "00002")],
    ["lost its data", toReceipt("00001", {})],
    ["carries another purchase", receipt(2)],
  ])("calls spoilt what %s", (_name, got) => {
    const account = sent(1);
    account.show("iv1", got, 1_010);
    expect(account.balance().spoilt).toBe(1);
  });

  it("calls spoilt what nobody accepted", () => {
    const account = sent();
    account.inbox("iv9", receipt(9));
    expect(account.balance().spoilt).toBe(1);
  });

  it("may see the callback before the call is answered", () => {
    const account = new Account();
    account.send(purchase(1), 1_000);
    account.show("iv1", receipt(1), 1_004);
    account.accept(purchase(1), "iv1");
    expect(account.balance()).toMatchObject({ lost: 0, spoilt: 0, latencyMs: { p50: expect.closeTo(4, 1) } });
  });

  it("refuses one intervention for two purchases", () => {
    expect(() => sent(1).accept(purchase(2), "iv1")).toThrow("lines 1 and 2");
  });
});
