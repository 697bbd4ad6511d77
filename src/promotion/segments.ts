import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type Segment, SegmentSchema } from "../../gen/intervention/v1/segment_pb.js";
import { SegmentService } from "../../gen/intervention/v1/segment_service_pb.js";
import { type Engine, isObject, type Kind, listAll, toPlace, without } from "./kind.ts";
import { type Kept, Refused } from "./thing.ts";

const SET_BY_ENGINE = ["name", "segmentId", "etag", "createTime", "updateTime", "archived"];

/** Segments by rule; of one that is a list, the name but not its members, who are another workspace's shoppers. */
export function segmentKind(engine: Engine): Kind {
  const client = createClient(SegmentService, engine.transport);
  const parse = (content: JsonValue): JsonObject => {
    const message = toJson(SegmentSchema, fromJson(SegmentSchema, content));
    return isObject(message) ? without(message, SET_BY_ENGINE) : {};
  };
  const toKept = (segment: Segment | undefined): Kept => {
    if (segment === undefined) throw new Refused("the engine answered without a segment");
    const { name, segmentId: id, etag, archived: isOver } = segment;
    const content = parse(toJson(SegmentSchema, segment));
    return { folder: "segments", id, etag, place: toPlace(engine, name), content, isOver };
  };
  return {
    folder: "segments",
    parse,
    listUsed: (content) => [...findUsed(content)],
    async list() {
      const all = await listAll(async (pageToken) => {
        const { segments: items, nextPageToken } = await client.listSegments({ pageToken });
        return { items, nextPageToken };
      });
      return all.map(toKept);
    },
    async create({ id, content }) {
      return toKept((await client.createSegment({ segmentId: id, segment: fromJson(SegmentSchema, content) })).segment);
    },
    async update({ id, content }, { etag }) {
      const segment = Object.assign(fromJson(SegmentSchema, content), { name: id, etag });
      return toKept((await client.updateSegment({ segment })).segment);
    },
  };
}

/** The ids after every `inSegment`, however deep. */
function* findUsed(value: JsonValue): Generator<string> {
  if (Array.isArray(value)) for (const one of value) yield* findUsed(one);
  else if (isObject(value))
    for (const [field, one] of Object.entries(value)) {
      if (field === "inSegment" && typeof one === "string") yield one;
      else yield* findUsed(one);
    }
}
