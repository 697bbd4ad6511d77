import { describe, expect, it, test } from "vitest";
import { toJwt } from "./testing/jwt.ts";
import { createTokenSource } from "./token-source.ts";

describe("token source", () => {
  it("keeps a token until shortly before its end", async () => {
    let now = 0;
    let calls = 0;
    const tokens = createTokenSource(
      () => {
        calls += 1;
        return toJwt({ sub: "ann", exp: now / 1_000 + 60 });
      },
      () => now,
    );
    const first = await tokens.get();
    now = 54_000;
    expect(await tokens.get()).toBe(first);
    now = 55_000;
    expect(await tokens.get()).not.toBe(first);
    expect(calls).toBe(2);
  });

  it("asks once for several who wait, and anew for one who needs a fresh one", async () => {
    const asked: ((token: string) => void)[] = [];
    const tokens = createTokenSource(
      () => new Promise<string>((resolve) => void asked.push(resolve)),
      () => 0,
    );
    const waiting = [tokens.get(), tokens.get()];
    const fresh = tokens.get({ isFresh: true });
    expect(asked).toHaveLength(2);
    asked[1]?.("second");
    expect((await fresh).value).toBe("second");
    asked[0]?.("first");
    expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual(["first", "first"]);
  });

  test.each([
    { name: "throws", token: () => Promise.reject(new Error("shop down")) },
    { name: "gives nothing", token: () => "" },
  ])("says TOKEN_FAILED when the page's function $name, and asks again next time", async ({ token }) => {
    const answers = [token, () => "good"];
    const tokens = createTokenSource(
      () => answers.shift()?.() ?? "",
      () => 0,
    );
    await expect(tokens.get()).rejects.toMatchObject({ reason: "TOKEN_FAILED" });
    expect((await tokens.get()).value).toBe("good");
  });

  it("tells users of one name in different workspaces apart, and takes opaque tokens", async () => {
    const owner = async (token: string) =>
      (
        await createTokenSource(
          () => token,
          () => 0,
        ).get()
      ).owner;
    const [one, other, opaque] = await Promise.all([
      owner(toJwt({ sub: "ann", ws: "a", exp: 1 })),
      owner(toJwt({ sub: "ann", ws: "b", exp: 2 })),
      owner("opaque.!!.x"),
    ]);
    expect(one).not.toBe(other);
    expect(opaque).toBe(await owner("another"));
  });
});
