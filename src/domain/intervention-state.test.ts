import { describe, expect, test } from "vitest";
import { State } from "../../gen/intervention/v1/intervention_pb.js";
import { type LatestRound, toState } from "./intervention-state.ts";

const cases: readonly {
  readonly what: string;
  readonly latest: LatestRound | undefined;
  readonly kinds?: readonly string[];
  readonly state: State;
}[] = [
  { what: "nothing decided", latest: undefined, state: State.ACCEPTED },
  { what: "a delay", latest: { outcome: "delay" }, state: State.DELAYED },
  { what: "a suppression", latest: { outcome: "suppress" }, state: State.SUPPRESSED },
  { what: "an expiry", latest: { outcome: "expire" }, state: State.EXPIRED },
  { what: "a cancellation", latest: { outcome: "cancel" }, state: State.CANCELLED },
  ...(["sent", "inboxed", "expired", "cancelled", "delivered", "displayed", "dismissed", "clicked"] as const).map(
    (state) => ({
      what: `a send that was ${state}`,
      latest: { outcome: "send", channel: "realtime" } as const,
      kinds: ["accepted", "decided", state],
      state: State[state.toUpperCase() as keyof typeof State],
    }),
  ),
  ...(
    [
      ["bounced", State.BOUNCED],
      ["soft_bounced", State.BOUNCED],
      ["rejected", State.FAILED],
      ["complained", State.DELIVERED],
    ] as const
  ).map(([kind, state]) => ({
    what: `an email of which it was told that it was ${kind}`,
    latest: { outcome: "send", channel: "email" } as const,
    kinds: [kind, "decided", "sent", "accepted"],
    state,
  })),
];

describe("state of an intervention", () => {
  test.each(cases)("is $state after $what", ({ latest, kinds = [], state }) => {
    expect(toState(latest, kinds)).toBe(state);
  });
});
