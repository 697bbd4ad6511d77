import { create, toBinary } from "@bufbuild/protobuf";
import { Binary, type Collection, MongoClient } from "mongodb";
import { DecisionSchema } from "../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import type { Engine } from "../../src/start/index.ts";
import type { DecisionDocument, EventDocument, RollupDocument } from "../../src/store/index.ts";

/** The engine's collections, read and filled past the engine. */
export type TrackStore = AsyncDisposable & {
  readonly workspaceId: string;
  readonly events: Collection<EventDocument>;
  readonly rollups: Collection<RollupDocument>;
  readonly marks: Collection;
  /** Makes interventions that were sent to users over sockets: `{prefix}{n}`, for user `u{n mod users}`. */
  readonly send: (prefix: string, count: number, users: number) => Promise<string[]>;
};

const insertMax = 5_000;
const idLength = 26;

export async function openTrackStore(engine: Engine): Promise<TrackStore> {
  const client = new MongoClient(engine.servers.mongodbUrl);
  await client.connect();
  const db = client.db(engine.config.MONGODB_DATABASE);
  const workspaceId = engine.config.WORKSPACE;
  const decisions = db.collection<DecisionDocument>("decisions");
  const decision = new Binary(toBinary(DecisionSchema, create(DecisionSchema, { channel: Channel.REALTIME })));
  return {
    workspaceId,
    events: db.collection("events"),
    rollups: db.collection("rollups"),
    marks: db.collection("rollup_marks"),
    async send(prefix, count, users) {
      const ids = Array.from({ length: count }, (_, n) => toId(prefix, n));
      const decidedAt = new Date(Date.now() - 10_000);
      for (let first = 0; first < count; first += insertMax)
        await decisions.insertMany(
          ids.slice(first, first + insertMax).map((interventionId, i) => ({
            ...{ _id: `${interventionId}/0`, workspaceId, interventionId, userId: `u${(first + i) % users}` },
            ...{
              campaign: `c${(first + i) % 10}`,
              round: 0,
              outcome: "send",
              channel: "realtime",
              decidedAt,
              decision,
            },
          })),
          { ordered: false },
        );
      return ids;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** An id of the form that the engine gives: 26 of a-z and 2-7. */
function toId(prefix: string, n: number): string {
  const digits = [...String(n)].map((digit) => "abcdefghij"[Number(digit)] ?? "a").join("");
  return `${prefix}${digits.padStart(idLength - prefix.length, "z")}`;
}
