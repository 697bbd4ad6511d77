import { createClient } from "@connectrpc/connect";
import { SessionService } from "../../gen/intervention/v1/session_service_pb.js";
import type { Engine } from "../../src/start/index.ts";
import { forEachOf, toTransport } from "../call-engine.ts";
import { type LoadProcess, startLoadProcess } from "./channel.ts";
import type { FromReceiver, ToReceiver } from "./messages.ts";

export type Receivers = AsyncDisposable & { readonly all: readonly LoadProcess<FromReceiver, ToReceiver>[] };

/** More sockets than this in one process make it, and not the engine, the narrow place. */
const socketsPerProcess = 5_000;
const tokensAtOnce = 32;
const tokenTtlS = 3_600n;

/** Connects `sockets` users from as many processes as it takes. Returns when all have had their welcome. */
export async function connectReceivers(engine: Engine, sockets: number): Promise<Receivers> {
  const tokens = await createTokens(engine, sockets);
  const count = Math.ceil(sockets / socketsPerProcess);
  const all = Array.from({ length: count }, () => startLoadProcess<FromReceiver, ToReceiver>("load-receiver.ts"));
  try {
    await Promise.all(
      all.map(async (receiver, i) => {
        const opened = receiver.next("opened");
        receiver.send({ kind: "open", edgeUrl: engine.edgeUrl, tokens: tokens.filter((_, k) => k % count === i) });
        await opened;
      }),
    );
  } catch (error) {
    await end(all);
    throw error;
  }
  return { all, [Symbol.asyncDispose]: () => end(all) };
}

/** A token for each of `user-0`, `user-1`, ... as another service would get them. */
async function createTokens(engine: Engine, count: number): Promise<string[]> {
  const sessions = createClient(SessionService, toTransport(engine));
  const tokens: string[] = [];
  await forEachOf(Array.from({ length: count }).keys(), tokensAtOnce, async (i) => {
    tokens[i] = (await sessions.createToken({ userId: `user-${i}`, ttl: { seconds: tokenTtlS } })).token;
  });
  return tokens;
}

async function end(all: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
}
