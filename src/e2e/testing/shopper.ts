import { createInterventionClient, type InterventionClient } from "../../client/index.ts";
import { until } from "../../testing/until.ts";

/** One connected device of a user, and how often it was called back with each intervention. */
export type Shopper = {
  readonly userId: string;
  readonly shown: ReadonlyMap<string, number>;
  readonly client: InterventionClient;
};

/** Connects by the client library. Returns when the gateway has welcomed it. */
export async function connectShopper(options: {
  readonly url: string;
  readonly userId: string;
  readonly token: () => Promise<string>;
}): Promise<Shopper> {
  const { url, userId, token } = options;
  const shown = new Map<string, number>();
  const client = createInterventionClient({ url, token });
  client.on("intervention", ({ id }) => shown.set(id, (shown.get(id) ?? 0) + 1));
  // Broken connections are what the test is about: the client says so, and connects again.
  client.on("error", () => undefined);
  client.connect();
  await until(() => client.state === "open", `${userId} is connected`);
  return { userId, shown, client };
}
