import { randomUUID } from "node:crypto";
import { create, fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DecisionInputSchema } from "../../gen/intervention/v1/decision_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { ProfileFallback, ProfileSource } from "../../gen/intervention/v1/profile_pb.js";
import { parseTrigger } from "../api/parse-trigger.ts";
import { Neighbour } from "../testing/neighbour.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

/** Users of one step of the stream, each never seen before, so that the neighbour must be asked. */
const USERS = 40;

describe("a stream of decisions", () => {
  it("goes on while the data-intelligence service is stopped, slow or talks nonsense; nothing is lost, and all of it shows", async () => {
    await using neighbour = await Neighbour.start();
    await using parts = await startParts({
      DATA_INTELLIGENCE_URL: neighbour.url,
      // Well above what a busy test machine needs, well below the five seconds of a slow neighbour.
      DATA_INTELLIGENCE_DEADLINE_MS: "500",
    });
    const { acceptor } = await parts.container.get(parts.services.apiParts);
    const { access } = await parts.container.get(parts.services.apiParts);
    const metrics = await parts.container.get(parts.services.metrics);
    await parts.container.get(parts.services.decide);
    const workspace = access.workspaces()[0];
    if (workspace === undefined) throw new Error("there is a workspace");

    let accepted = 0;
    /** Accepts interventions one after another and waits for the decision of each. */
    const stream = async () => {
      const ids: string[] = [];
      for (let n = 0; n < USERS; n += 1) {
        const request = create(TriggerRequestSchema, {
          recipient: { userId: `u${accepted}` },
          content: { title: "Still thinking?" },
        });
        const trigger = parseTrigger(request, { workspaceId: workspace.id, newKey: randomUUID });
        const [result] = await acceptor.accept(workspace, [trigger], "");
        if (result?.kind !== "accepted") throw new Error("it was accepted");
        ids.push(result.interventionId);
        accepted += 1;
      }
      const documents = await until(async () => {
        const found = await parts.store.decisions.find({ _id: { $in: ids.map((id) => `${id}/0`) } }).toArray();
        return found.length === ids.length && found;
      }, "every decision");
      return documents.map(({ input }) => {
        const { profile } = fromBinary(DecisionInputSchema, input?.value() ?? new Uint8Array());
        return { source: profile?.source, fallback: profile?.fallback, timeZone: profile?.timeZone };
      });
    };
    const outcomes = async () => {
      const { values } = await metrics.profileLookups.get();
      return Object.fromEntries(values.map(({ labels, value }) => [String(labels.outcome), value]));
    };
    const isNeighbours = ({ source }: { source: ProfileSource | undefined }) =>
      source === ProfileSource.DATA_INTELLIGENCE;
    const recover = () => until(async () => (await stream()).every(isNeighbours), "the neighbour's word again", 30_000);

    const well = await stream();
    expect(well.every(isNeighbours)).toBe(true);
    expect(well[0]?.timeZone).toBe("Asia/Tokyo");

    await neighbour.stop();
    const stopped = await stream();
    expect(stopped.some(({ fallback }) => fallback === ProfileFallback.ERROR)).toBe(true);
    expect(stopped.every(({ source }) => source === ProfileSource.NONE)).toBe(true);
    await neighbour.start();
    await recover();

    neighbour.manners = "slow";
    const slow = await stream();
    expect(slow.some(({ fallback }) => fallback === ProfileFallback.TIMEOUT)).toBe(true);
    neighbour.manners = "well";
    await recover();

    neighbour.manners = "noise";
    expect((await stream()).some(({ fallback }) => fallback === ProfileFallback.GARBAGE)).toBe(true);
    neighbour.manners = "nonsense";
    expect((await stream()).every(({ fallback }) => fallback !== ProfileFallback.UNSPECIFIED)).toBe(true);
    neighbour.manners = "well";
    await recover();

    const counted = await outcomes();
    for (const outcome of ["fresh", "fallback_error", "fallback_timeout", "garbage"])
      expect(counted[outcome], outcome).toBeGreaterThan(0);
    expect(Object.values(counted).reduce((sum, count) => sum + count, 0)).toBe(accepted);
    expect(await parts.store.decisions.countDocuments({})).toBe(accepted);
  }, 120_000);
});
