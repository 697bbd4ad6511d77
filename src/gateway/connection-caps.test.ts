import { describe, expect, it } from "vitest";
import { ConnectionCaps } from "./connection-caps.ts";

describe("caps", () => {
  it("lets a user have so many connections, and another one when one is given back", () => {
    const caps = new ConnectionCaps({ perUserMax: 2, perAddressMax: 100 });
    expect([
      caps.acquire("ann", "1"),
      caps.acquire("ann", "2"),
      caps.acquire("ann", "3"),
      caps.acquire("bob", "3"),
    ]).toEqual([undefined, undefined, "user", undefined]);
    caps.release("ann", "1");
    expect(caps.acquire("ann", "3")).toBeUndefined();
  });

  it("lets an address have so many, whoever they are", () => {
    const caps = new ConnectionCaps({ perUserMax: 100, perAddressMax: 1 });
    expect([caps.acquire("ann", "1"), caps.acquire("bob", "1"), caps.acquire("bob", "2")]).toEqual([
      undefined,
      "address",
      undefined,
    ]);
  });

  it("takes nothing from the user when the address is full", () => {
    const caps = new ConnectionCaps({ perUserMax: 1, perAddressMax: 1 });
    caps.acquire("ann", "1");
    expect(caps.acquire("bob", "1")).toBe("address");
    expect(caps.acquire("bob", "2")).toBeUndefined();
  });
});
