import { createInterventionClient, type InterventionClient } from "../client.ts";
import type { InterventionClientError } from "../failure.ts";
import type { Intervention } from "../intervention.ts";
import type { InterventionClientOptions } from "../options.ts";
import { ManualClock, settled } from "./manual-clock.ts";
import { ManualNetwork } from "./manual-network.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { ModelGateway } from "./model-gateway.ts";

/** One tab of a shop: a client on a manual clock and network, with everything it says written down. */
export class Shop {
  readonly gateway = new ModelGateway();
  readonly network = new ManualNetwork(this.gateway);
  readonly clock = new ManualClock();
  readonly storage = new MemoryStorage();
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  readonly posts: { url: string; body: string }[] = [];
  readonly shown: Intervention[] = [];
  readonly errors: InterventionClientError[] = [];
  readonly log: string[] = [];
  token: () => Promise<string> | string = () => "token";
  client: InterventionClient;

  constructor(options: Partial<InterventionClientOptions> = {}) {
    this.client = this.page(options);
  }

  /** A new page of the same tab.
   *  @param show what it does with an intervention, beside its being written down. */
  page(
    options: Partial<InterventionClientOptions> = {},
    show: (id: string) => void = () => undefined,
  ): InterventionClient {
    this.client = createInterventionClient({
      url: "http://engine.test/",
      token: () => this.token(),
      transport: "websocket",
      webSocket: this.network.webSocket,
      storage: this.storage,
      page: this,
      clock: this.clock,
      random: () => 0.5,
      fetch: async (input, init) => {
        this.posts.push({ url: String(input), body: String(init?.body) });
        return Response.json({});
      },
      ...options,
    });
    this.client.on("error", (error) => this.errors.push(error));
    this.client.on("intervention", (intervention) => {
      this.shown.push(intervention);
      show(intervention.id);
    });
    this.client.on("revoke", ({ id }) => this.log.push(`revoke ${id}`));
    this.client.on("inbox", ({ unreadCount, interventionId }) =>
      this.log.push(`inbox ${unreadCount} ${interventionId}`),
    );
    this.client.on("welcome", ({ isRecovered }) => this.log.push(isRecovered ? "recovered" : "welcome"));
    this.client.on("state", (state) => this.log.push(state));
    return this.client;
  }

  /** Connects, and lets everything that is under way arrive. */
  async connect(): Promise<this> {
    this.client.connect();
    await this.calm();
    return this;
  }

  async calm(): Promise<void> {
    await this.network.calm(settled);
  }

  async wait(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.calm();
  }

  get shownIds(): string[] {
    return this.shown.map(({ id }) => id);
  }

  get reasons(): string[] {
    return this.errors.map(({ reason }) => reason);
  }
}
