import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import type { ClientFrame, Track } from "../../gen/intervention/v1/realtime_pb.js";
import { type PresenceAnnouncer, toSubjectToken } from "../bus/index.ts";
import type { UserCaller } from "../integrations/access-directory.ts";
import { type BeginOptions, beginSession } from "./begin-session.ts";
import type { CloseReason } from "./close-codes.ts";
import type { FrameFormat } from "./credentials.ts";
import { FrameGate, type FrameVerdict } from "./frame-gate.ts";
import type { GatewayMetrics, TransportName } from "./gateway-metrics.ts";
import { type HistoryFrame, type OutgoingFrame, toFrame } from "./outgoing-frame.ts";
import type { ResumePoint } from "./recovery.ts";
import type { TrackIntake } from "./track-intake.ts";
import type { UserAddress, UserChannel } from "./user-channel.ts";

/** The wire under a session. After `close` nothing is sent any more. */
export type Connection = {
  readonly transport: TransportName;
  readonly format: FrameFormat;
  readonly send: (frame: OutgoingFrame) => void;
  readonly ping: () => void;
  /** Bytes that the client has not taken yet. */
  readonly bufferedBytes: () => number;
  readonly close: (reason: Exclude<CloseReason, "client">) => void;
};

/** What all sessions of a gateway share. */
export type SessionShared = BeginOptions & {
  readonly presence: PresenceAnnouncer;
  readonly tracks: TrackIntake;
  readonly findUser: (token: string) => UserCaller | undefined;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  readonly heartbeatMs: number;
  readonly bufferedBytesMax: number;
};

/** A first frame that takes longer is none. */
const HELLO_MS_MAX = 5_000;
/** How long a connection that is full gets to take some before it is looked at again. */
const PACE_MS = 10;
/** What may wait for its session to begin; a user with more is served by a resume. */
const HELD_MAX = 2_000;

type FaultReason = "BAD_FRAME" | "BAD_EVENT" | "RATE_LIMITED" | "TOKEN_REFUSED" | "UNAVAILABLE";
type State = "waiting" | "joining" | "live" | "closed";

/** One device of one user: hello, then welcome, history and live messages, each in order and once.
 *
 *  waiting ──hello──► joining ──welcome, history, held──► live
 *     └────────────────────┴───────────── close ───────────► closed */
export class Session {
  readonly #shared: SessionShared;
  readonly #connection: Connection;
  readonly #address: UserAddress;
  readonly #gate: FrameGate;
  #user: UserCaller;
  #state: State = "waiting";
  #channel: UserChannel | undefined;
  /** Welcomed, and counted as present. */
  #isPresent = false;
  /** Live messages that came while joining. */
  #held: HistoryFrame[] = [];
  #position = 0;
  #tracksPending = 0;
  #closeWhenTracked: Exclude<CloseReason, "client"> | undefined;
  #heardAtMs: number;
  #pingedAtMs: number;

  constructor(shared: SessionShared, connection: Connection, user: UserCaller, nowMs: number) {
    this.#shared = shared;
    this.#connection = connection;
    this.#user = user;
    this.#address = { workspaceId: user.workspace.id, userToken: toSubjectToken(user.userId) };
    this.#gate = new FrameGate(connection.format, nowMs);
    this.#heardAtMs = nowMs;
    this.#pingedAtMs = nowMs;
  }

  get transport(): TransportName {
    return this.#connection.transport;
  }

  /** Told to go, and only waits for its last events to be on disk. */
  get isDraining(): boolean {
    return this.#closeWhenTracked !== undefined;
  }

  /** A frame came. `data` is only valid during the call. */
  receive(data: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#heardAtMs = performance.now();
    this.#act(this.#gate.judge(data, this.#heardAtMs));
  }

  /** Begins the session: what hello asks for. */
  begin(resume: ResumePoint | undefined): void {
    if (this.#state !== "waiting") return;
    this.#state = "joining";
    this.#join(resume).catch((error: unknown) => {
      this.#shared.log.warn(
        { event: "session_not_begun", err: error },
        "a session can't begin at the moment: the client comes again",
      );
      this.#connection.close("unavailable");
    });
  }

  /** The user's channel has a message. */
  deliver(frame: HistoryFrame): void {
    if (this.#state === "live") this.#sendHistoryFrame(frame);
    else if (this.#state === "joining") {
      this.#held.push(frame);
      if (this.#held.length > HELD_MAX) this.#connection.close("too_slow");
    }
  }

  /** Looks after the session's clock; called every now and then by one timer for all of them. */
  tick(nowMs: number, now: Date): void {
    if (this.#state === "closed") return;
    const { heartbeatMs } = this.#shared;
    const silentMs = nowMs - this.#heardAtMs;
    if (this.#user.tokenExpiresAt <= now) this.#connection.close("token_expired");
    else if (this.#state === "waiting" && silentMs >= HELLO_MS_MAX) this.#connection.close("no_hello");
    // Nothing can be heard on an event stream: there it is the backpressure that tells.
    else if (this.transport === "websocket" && silentMs >= 2 * heartbeatMs) this.#connection.close("silent");
    else if (this.#isPresent && nowMs - this.#pingedAtMs >= heartbeatMs) {
      this.#pingedAtMs = nowMs;
      this.#connection.ping();
      this.#checkBuffered();
    }
  }

  /** Sends the client elsewhere. What it has reported is put on disk and answered first. */
  drain(reconnectAfterMs: number): void {
    if (this.#state === "closed" || this.isDraining) return;
    // Before its welcome a client takes no other frame.
    if (this.#isPresent) this.#send(toFrame({ case: "drain", value: { reconnectAfterMs } }));
    if (this.#tracksPending === 0) this.#connection.close("drain");
    else this.#closeWhenTracked = "drain";
  }

  close(reason: Exclude<CloseReason, "client">): void {
    if (this.#state !== "closed") this.#connection.close(reason);
  }

  /** The connection is gone. */
  ended(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#held = [];
    if (this.#channel !== undefined) this.#shared.channels.leave(this.#address, this.#channel, this);
    if (this.#isPresent) this.#shared.presence.remove(this.#address.workspaceId, this.#address.userToken);
  }

  #fault(reason: FaultReason, message: string, refs: readonly string[] = []): void {
    this.#send(toFrame({ case: "fault", value: { reason, message, refs: [...refs] } }));
  }

  async #join(resume: ResumePoint | undefined): Promise<void> {
    const begun = await beginSession(this.#shared, {
      user: this.#user,
      address: this.#address,
      resume,
      join: (position) => {
        // Gone meanwhile: nothing may be subscribed to any more.
        if (this.#state !== "joining") return undefined;
        this.#channel = this.#shared.channels.join(this.#address, position, this);
        return this.#channel;
      },
    });
    if (this.#state !== "joining" || begun === undefined) return;
    // Known to be here before the welcome says so: whoever is told it may send at once.
    this.#isPresent = true;
    this.#shared.presence.add(this.#address.workspaceId, this.#address.userToken);
    const { heartbeatMs, metrics } = this.#shared;
    if (resume !== undefined) metrics.resumed(begun.isRecovered);
    this.#send(
      toFrame({
        case: "welcome",
        value: {
          sessionId: begun.sessionId,
          epoch: begun.epoch,
          offset: BigInt(begun.offset),
          recovered: begun.isRecovered,
          unreadCount: begun.unreadCount,
          heartbeatMs,
          serverTime: timestampFromMs(Date.now()),
          tokenExpireTime: timestampFromMs(this.#user.tokenExpiresAt.getTime()),
        },
      }),
    );
    for (const frame of begun.replay) await this.#sendPaced(frame);
    // The last ones may have been left out of the replay, and are then not to come as live ones either.
    this.#position = begun.position;
    for (let frame = this.#held.shift(); frame !== undefined; frame = this.#held.shift()) await this.#sendPaced(frame);
    if (this.#state === "joining") this.#state = "live";
  }

  /** A long history is not poured into a slow connection at once. */
  async #sendPaced(frame: HistoryFrame): Promise<void> {
    const { bufferedBytesMax, heartbeatMs } = this.#shared;
    const deadline = performance.now() + 2 * heartbeatMs;
    while (this.#state === "joining" && this.#connection.bufferedBytes() > bufferedBytesMax / 2) {
      if (performance.now() > deadline) this.#connection.close("too_slow");
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
    if (this.#state === "joining") this.#sendHistoryFrame(frame);
  }

  #sendHistoryFrame(frame: HistoryFrame): void {
    if (frame.offset <= this.#position) return;
    this.#position = frame.offset;
    try {
      frame.encode(this.#connection.format);
    } catch (error) {
      // One message that can't be shown must not keep its user from all others, nor end the process.
      this.#shared.log.error(
        { event: "realtime_message_not_encoded", offset: frame.offset, err: error },
        "a message can't be encoded for a client and is left out",
      );
      return;
    }
    this.#send(frame);
  }

  #send(frame: OutgoingFrame): void {
    if (this.#state === "closed") return;
    this.#shared.metrics.frameOut(frame.kind);
    this.#connection.send(frame);
    this.#checkBuffered();
  }

  #checkBuffered(): void {
    if (this.#state !== "closed" && this.#connection.bufferedBytes() > this.#shared.bufferedBytesMax)
      this.#connection.close("too_slow");
  }

  #act(verdict: FrameVerdict): void {
    if (verdict.kind === "close") this.#connection.close(verdict.reason);
    else if (verdict.kind === "fault") this.#fault(verdict.reason, verdict.message, verdict.refs);
    else this.#handle(verdict.frame);
  }

  #handle(frame: ClientFrame["frame"]): void {
    this.#shared.metrics.frameIn(frame.case ?? "none");
    if (this.#state === "waiting" && frame.case !== "hello") {
      this.#connection.close("no_hello");
      return;
    }
    switch (frame.case) {
      case "hello": {
        const { resume } = frame.value;
        if (this.#state !== "waiting") this.#act(this.#gate.refuse("the session has begun: hello comes once"));
        else this.begin(resume === undefined ? undefined : { epoch: resume.epoch, offset: Number(resume.offset) });
        break;
      }
      case "track":
        void this.#track(frame.value);
        break;
      case "refreshToken":
        this.#refreshToken(frame.value.token);
        break;
      default:
      // A pong says no more than that somebody is there, which has been noted.
    }
  }

  /** Never rejects: whatever goes wrong is told to the client, who sends it again. */
  async #track(track: Track): Promise<void> {
    this.#tracksPending += 1;
    const answer = await this.#shared.tracks.take(track.events, this.#user);
    this.#tracksPending -= 1;
    if (answer.tracked.length > 0) this.#send(toFrame({ case: "tracked", value: { refs: [...answer.tracked] } }));
    for (const { reason, message, refs } of answer.faults) this.#fault(reason, message, refs);
    if (this.#tracksPending === 0 && this.#closeWhenTracked !== undefined) this.close(this.#closeWhenTracked);
  }

  #refreshToken(token: string): void {
    const user = this.#shared.findUser(token);
    if (user === undefined || user.userId !== this.#user.userId || user.workspace.id !== this.#user.workspace.id) {
      this.#fault("TOKEN_REFUSED", "the token has ended, is not one of ours, or is another user's");
      return;
    }
    this.#user = user;
    this.#send(
      toFrame({ case: "tokenRefreshed", value: { tokenExpireTime: timestampFromMs(user.tokenExpiresAt.getTime()) } }),
    );
  }
}
