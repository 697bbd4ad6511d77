import { describe, expect, it } from "vitest";
import { CredentialBox } from "./credential-box.ts";

const key = (id: string, fill: number) => ({ id, key: new Uint8Array(32).fill(fill) });

describe("a sealed credential", () => {
  const box = new CredentialBox([key("k1", 1)]);
  const seal = (credential: unknown = { password: "hunter2" }) => {
    const sealed = box.seal(credential, "pa_1");
    if (sealed === undefined) throw new Error("not sealed");
    return sealed;
  };

  it("opens to what it was, and shows nothing of it before", () => {
    expect(box.open(seal(), "pa_1")).toEqual({ password: "hunter2" });
    expect(Buffer.from(seal().sealed).toString("latin1")).not.toContain("hunter2");
    expect(Buffer.compare(seal().sealed, seal().sealed)).not.toBe(0);
  });

  it("opens with a key that is no longer the first, and not without its key", () => {
    const sealed = seal();
    expect(new CredentialBox([key("k2", 2), key("k1", 1)]).open(sealed, "pa_1")).toEqual({ password: "hunter2" });
    expect(() => new CredentialBox([key("k2", 2)]).open(sealed, "pa_1")).toThrow('no key "k1"');
    expect(() => new CredentialBox([key("k1", 2)]).open(sealed, "pa_1")).toThrow("can't be opened");
  });

  it("opens for no other account, and not when any byte of it was changed", () => {
    const { keyId, sealed } = seal();
    expect(() => box.open({ keyId, sealed }, "pa_2")).toThrow("can't be opened");
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => box.open({ keyId, sealed: changed }, "pa_1")).toThrow("can't be opened");
    }
  });

  it("is not made without a key", () => expect(new CredentialBox([]).seal({}, "pa_1")).toBeUndefined());
});
