import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import type { Workspace } from "../integrations/access-directory.ts";
import type { FanOutDocument } from "../store/index.ts";
import { toInterventionId } from "./intervention-id.ts";
import type { ParsedTrigger } from "./parsed-trigger.ts";
import { toBodyHash } from "./to-body-hash.ts";

/** A fan-out at its beginning.
 *  @param options.trigger what each follower gets; who its recipient is does not matter. */
export function toFanOut(options: {
  readonly workspace: Workspace;
  readonly topic: string;
  readonly trigger: Omit<ParsedTrigger, "bodyHash"> & Partial<Pick<ParsedTrigger, "bodyHash">>;
  readonly now: Date;
}): FanOutDocument {
  const { workspace, topic, trigger, now } = options;
  const { content, template, campaign, priority, policy, expiration } = trigger;
  const body = create(TriggerRequestSchema, {
    ...{ content, campaign, priority, policy },
    ...(template === undefined ? {} : { template }),
    // What holds for a time holds from now on, for the last follower as for the first.
    ...(expiration.kind === "at" ? { expiration: { case: "expireTime", value: expiration.time } } : {}),
    ...(expiration.kind === "after"
      ? { expiration: { case: "expireTime", value: timestampFromMs(now.getTime() + expiration.ttlMs) } }
      : {}),
  });
  return {
    // A key of its own kind: the same one may also stand for an intervention.
    _id: toInterventionId(workspace, `topic:${trigger.idempotencyKey}`),
    workspaceId: workspace.id,
    topic,
    state: "running",
    ...{ cursor: 0, acceptedCount: 0, failedCount: 0, fence: 0 },
    createdAt: now,
    bodyHash: new Binary(
      createHash("sha256")
        .update(topic)
        .update("\0")
        .update(trigger.bodyHash ?? toBodyHash(trigger))
        .digest(),
    ),
    trigger: new Binary(toBinary(TriggerRequestSchema, body)),
  };
}
