import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type Experiment, ExperimentSchema, ExperimentState } from "../../gen/intervention/v1/experiment_pb.js";
import { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import { toFingerprint } from "./fingerprint.ts";
import { type Engine, isObject, type Kind, listAll, toPlace, without } from "./kind.ts";
import { unpin } from "./template-uses.ts";
import { type Kept, Refused } from "./thing.ts";

const STAMPS = ["etag", "createTime", "updateTime", "startTime", "stopTime"];
const SET_BY_ENGINE = ["name", "experimentId", "state", "conclusion", "allocations", ...STAMPS];
const OVER: readonly ExperimentState[] = [ExperimentState.STOPPED, ExperimentState.ARCHIVED];

/** Experiments, all but whether they run: a new one is a draft until somebody starts it. One that runs keeps the versions of templates that
 *  it began with, so they are in no file that does not name them itself. */
export function experimentKind(engine: Engine): Kind {
  const client = createClient(ExperimentService, engine.transport);
  const toKept = (experiment: Experiment | undefined): Kept => {
    if (experiment === undefined) throw new Refused("the engine answered without an experiment");
    const { name, experimentId: id, etag, state } = experiment;
    const content = unpin(parse(toJson(ExperimentSchema, experiment)), () => true);
    return { folder: "experiments", id, etag, place: toPlace(engine, name), content, isOver: OVER.includes(state) };
  };
  return {
    folder: "experiments",
    parse,
    listUsed: () => [],
    async list() {
      const all = await listAll(async (pageToken) => {
        const { experiments: items, nextPageToken } = await client.listExperiments({ pageToken });
        return { items, nextPageToken };
      });
      return all.map(toKept);
    },
    async create({ id, content }) {
      const experiment = fromJson(ExperimentSchema, content);
      return toKept((await client.createExperiment({ experimentId: id, experiment })).experiment);
    },
    async update({ id, content }, { content: before, etag }) {
      const experiment = Object.assign(fromJson(ExperimentSchema, content), { name: id, etag });
      // Of one that runs little may change, and the versions of its templates not even unsaid.
      const paths = listChanged(before, content);
      return toKept((await client.updateExperiment({ experiment, updateMask: { paths } })).experiment);
    },
  };
}

function parse(content: JsonValue): JsonObject {
  const message = toJson(ExperimentSchema, fromJson(ExperimentSchema, content));
  return isObject(message) ? without(message, SET_BY_ENGINE) : {};
}

/** The fields that differ, by their names in the proto. */
function listChanged(before: JsonObject, after: JsonObject): string[] {
  const fingerprintOf = (value: JsonValue | undefined) => toFingerprint(value ?? null);
  return ExperimentSchema.fields
    .filter(({ jsonName }) => fingerprintOf(before[jsonName]) !== fingerprintOf(after[jsonName]))
    .map(({ name }) => name);
}
