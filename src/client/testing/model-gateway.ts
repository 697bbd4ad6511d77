import { type JsonObject, parseJson, toObject, toText, toTexts } from "../json.ts";

/** The gateway's end of one connection, over whatever carries it. */
export interface ModelLine {
  send(frame: object): void;
  close(code: number): void;
}

export interface ModelSession {
  receive(text: string): void;
  /** The line is gone, by whichever side. */
  lost(): void;
}

/** One user's gateway by the words of realtime.proto, in memory: history with offsets and epochs,
 *  resume, tracking stored once by event id. It has no clock and no transport of its own, so that one
 *  model serves the in-memory tests and the real sockets. The engine's own gateway is held to the same
 *  behaviour by the end-to-end tests. */
export class ModelGateway {
  epoch = "epoch-1";
  heartbeatMs = 1_000;
  readonly history: { readonly offset: number; readonly frame: object }[] = [];
  /** By event id; how often each came. */
  readonly tracked = new Map<string, number>();
  readonly hellos: JsonObject[] = [];
  readonly refreshedTokens: string[] = [];
  /** Event refs are answered with this fault instead of being stored, while it is set. */
  faultReason: string | undefined;
  /** Added to every welcome. */
  welcomeExtras: object = {};
  readonly #open = new Set<ModelLine>();

  get openCount(): number {
    return this.#open.size;
  }

  publish(interventionId: string, extras: object = {}): void {
    const content = { title: `Hello ${interventionId}`, actions: [{ id: "buy", label: "Buy" }] };
    this.#append((offset) => ({ intervention: { offset, interventionId, content, ...extras } }));
  }

  revoke(interventionId: string): void {
    this.#append((offset) => ({ revoke: { offset, interventionId } }));
  }

  inboxChanged(interventionId: string): void {
    this.#append((offset) => ({ inboxChanged: { offset, interventionId } }));
  }

  /** To every open session, outside the history. */
  broadcast(frame: object): void {
    for (const line of [...this.#open]) line.send(frame);
  }

  /** Cuts every line. */
  closeAll(code: number): void {
    for (const line of [...this.#open]) line.close(code);
  }

  accept(line: ModelLine): ModelSession {
    return {
      receive: (text) => {
        const frame = toObject(parseJson(text)) ?? {};
        const hello = toObject(frame.hello);
        if (hello !== undefined) this.welcome(line, hello);
        const track = toObject(frame.track);
        if (track !== undefined) line.send(this.track(track));
        const refresh = toObject(frame.refreshToken);
        if (refresh !== undefined) {
          this.refreshedTokens.push(toText(refresh.token));
          line.send({ tokenRefreshed: {} });
        }
      },
      lost: () => void this.#open.delete(line),
    };
  }

  welcome(line: ModelLine, hello: JsonObject): void {
    this.hellos.push(hello);
    const resume = toObject(hello.resume);
    const recovered = resume !== undefined && toText(resume.epoch) === this.epoch;
    const from = recovered ? Number(toText(resume.offset)) : this.history.length;
    line.send({
      welcome: {
        sessionId: `session-${this.hellos.length}`,
        epoch: this.epoch,
        // When recovered, the newest: a client that took it for its own would lose what follows, should
        // the line break first.
        offset: String(this.history.length),
        recovered,
        heartbeatMs: this.heartbeatMs,
        ...this.welcomeExtras,
      },
    });
    for (const { offset, frame } of this.history) if (offset > from) line.send(frame);
    this.#open.add(line);
  }

  /** @returns the frame that answers. */
  track(track: JsonObject): object {
    const events = (Array.isArray(track.events) ? track.events : []).map((entry) => toObject(entry) ?? {});
    const refs = toTexts(events.map(({ ref }) => ref));
    if (events.length > 100) return { fault: { reason: "BAD_FRAME", message: "more than 100 events", refs } };
    if (this.faultReason !== undefined) return { fault: { reason: this.faultReason, message: "as told", refs } };
    for (const event of events) {
      const kind = toText(event.kind).replace("EVENT_KIND_", "").toLowerCase();
      const id = [toText(event.interventionId), kind, toText(event.clickId)].filter((part) => part !== "").join(":");
      this.tracked.set(id, (this.tracked.get(id) ?? 0) + 1);
    }
    return { tracked: { refs } };
  }

  #append(toFrame: (offset: string) => object): void {
    const offset = this.history.length + 1;
    const frame = toFrame(String(offset));
    this.history.push({ offset, frame });
    this.broadcast(frame);
  }
}
