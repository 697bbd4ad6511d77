import { afterEach, describe, expect, it, test } from "vitest";
import { Faults, GARBAGE } from "./faults.ts";
import { type FaultyServer, sendJson, serveWithFaults } from "./serve-with-faults.ts";

const open: FaultyServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop();
});

async function start(random?: () => number) {
  const faults = new Faults(random);
  const server = await serveWithFaults({}, { "/faults": faults }, (_, response) =>
    sendJson(response, 200, { is: "well" }),
  );
  open.push(server);
  const ask = () => fetch(`${server.url}/anything`);
  const put = async (body: string) => {
    const response = await fetch(`${server.url}/faults`, { method: "PUT", body });
    return { status: response.status, body: await response.json() };
  };
  return { faults, server, ask, put };
}

describe("a neighbour of the sandbox", () => {
  it("is well until it is told otherwise, and says so", async () => {
    const { ask, server } = await start();
    expect(await (await ask()).json()).toEqual({ is: "well" });
    const answer = await fetch(`${server.url}/faults`);
    expect(await answer.json()).toEqual({ delay_ms: 0, error_rate: 0, garbage: false, down: false });
  });

  it("talks garbage when told to", async () => {
    const { ask, put } = await start();
    expect(await put('{"garbage": true}')).toMatchObject({ status: 200, body: { garbage: true } });
    expect(new Uint8Array(await (await ask()).arrayBuffer())).toEqual(GARBAGE);
  });

  it("cuts connections while it is down, still hears that it is to be well, and then is", async () => {
    const { ask, put } = await start();
    await put('{"down": true}');
    await expect(ask()).rejects.toThrow();
    await put("{}");
    expect((await ask()).status).toBe(200);
  });

  it("fails as often as told", async () => {
    const draws = [0.1, 0.29, 0.31, 0.9];
    const { ask, put } = await start(() => draws.shift() ?? 1);
    await put('{"error_rate": 0.3}');
    const statuses = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await ask()).status);
    expect(statuses).toEqual([503, 503, 200, 200]);
  });

  it("answers late when told to, and not at all when it went down meanwhile", async () => {
    const { ask, faults } = await start();
    faults.set({ delay_ms: 200 });
    const answer = ask();
    const isFirst = await Promise.race([answer.then(() => "answer"), Promise.resolve("waiting")]);
    expect(isFirst).toBe("waiting");
    expect((await answer).status).toBe(200);
    const cut = ask();
    faults.set({ down: true, delay_ms: 200 });
    await expect(cut).rejects.toThrow();
  });

  test.each([
    ["no JSON", "garbage"],
    ["an unknown fault", '{"dlay_ms": 1}'],
    ["a share beyond 1", '{"error_rate": 1.5}'],
    ["a delay beyond a minute", '{"delay_ms": 60001}'],
  ])("refuses %s and stays as it was", async (_, body) => {
    const { faults, put } = await start();
    faults.set({ garbage: true });
    expect(await put(body)).toMatchObject({ status: 400, body: { error: expect.stringMatching(/./) } });
    expect(faults.settings).toMatchObject({ garbage: true, delay_ms: 0 });
  });
});

describe("a neighbour that sends unasked", () => {
  it("holds back while it is down, and sends then", async () => {
    const faults = new Faults();
    faults.set({ down: true });
    const strike = faults.strikeMessage(() => false);
    faults.set({});
    expect(await strike).toBe("none");
  });

  it("does not send any more when it is to stop while it is down", async () => {
    const faults = new Faults();
    faults.set({ down: true });
    expect(await faults.strikeMessage(() => true)).toBe("error");
  });
});
