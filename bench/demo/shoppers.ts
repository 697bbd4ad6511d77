import type { Client } from "@connectrpc/connect";
import { WebSocket } from "ws";
import type { SessionService } from "../../gen/intervention/v1/session_service_pb.js";
import { createInterventionClient, type InterventionClient } from "../../src/client/index.ts";
import { forEachOf, untilAnswered } from "../call-engine.ts";
import type { Account } from "./account.ts";

export type Shoppers = {
  readonly clients: ReadonlyMap<string, InterventionClient>;
  /** Tracking events that the engine has not confirmed yet, over all shoppers. */
  unsentCount(): number;
  openCount(): number;
  /** What the client library reported, and how often. */
  readonly errors: ReadonlyMap<string, number>;
  close(): void;
};

export type ShoppersOptions = {
  readonly edgeUrl: string;
  readonly sessions: Client<typeof SessionService>;
  readonly customers: readonly string[];
  readonly account: Account;
  readonly now: () => number;
};

const atOnce = 50;
const openMsMax = 60_000;

/** Connects the customers with the client library, each with a token of their own. Everything that comes is put down in the
 *  account and reported as displayed. Returns when all are connected.
 *  @throws Error when one is not within a minute. */
export async function connectShoppers(options: ShoppersOptions): Promise<Shoppers> {
  const clients = new Map<string, InterventionClient>();
  const errors = new Map<string, number>();
  await forEachOf(options.customers, atOnce, async (customer) => {
    const client = createInterventionClient({
      url: options.edgeUrl,
      token: async () => (await untilAnswered(() => options.sessions.createToken({ userId: customer }))).token,
      transport: "websocket",
      // Lighter than Node's own, which matters with a thousand in one process.
      webSocket: WebSocket,
      storage: null,
      page: null,
    });
    clients.set(customer, client);
    client.on("error", ({ reason }) => errors.set(reason, (errors.get(reason) ?? 0) + 1));
    client.on("intervention", (intervention) => {
      options.account.show(intervention.id, customer, options.now());
      intervention.displayed();
    });
    await opened(client, customer);
  });
  const all = [...clients.values()];
  return {
    clients,
    errors,
    unsentCount: () => all.reduce((sum, client) => sum + client.unsentCount, 0),
    openCount: () => all.filter(({ state }) => state === "open").length,
    close: () => {
      for (const client of all) client.close();
    },
  };
}

function opened(client: InterventionClient, customer: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`shopper ${customer} is not connected after a minute`)), openMsMax);
    const stop = client.on("welcome", () => {
      clearTimeout(timer);
      stop();
      resolve();
    });
    client.connect();
  });
}
