import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { toDeliveryState } from "./delivery.ts";

describe("delivery state", () => {
  test.each([
    ["sent", [], "sent"],
    ["inboxed", ["accepted", "decided", "inboxed"], "inboxed"],
    ["sent", ["sent", "inboxed", "delivered"], "delivered"],
    ["sent", ["clicked", "delivered"], "clicked"],
    ["sent", ["cancelled", "inboxed"], "cancelled"],
    ["sent", ["cancelled", "displayed"], "displayed"],
    ["queued", ["accepted", "decided"], "queued"],
    ["queued", ["sent"], "sent"],
    ["queued", ["cancelled"], "cancelled"],
    ["queued", ["sent", "cancelled"], "sent"],
    ["queued", ["failed", "sent"], "sent"],
    ["queued", ["uncertain", "delivered"], "delivered"],
    ["queued", ["sent", "rejected"], "rejected"],
    ["queued", ["soft_bounced", "sent"], "soft_bounced"],
    ["queued", ["sent", "delivered", "soft_bounced"], "delivered"],
    ["queued", ["bounced", "sent", "delivered"], "bounced"],
    ["queued", ["sent", "bounced", "displayed"], "displayed"],
    ["queued", ["complained", "sent"], "delivered"],
    ["queued", ["sent", "bounced", "unsubscribed"], "bounced"],
    ["sent", ["unsubscribed"], "delivered"],
  ] as const)("of one %s with %j is %s", (first, kinds, state) => expect(toDeliveryState(first, kinds)).toBe(state));

  it("does not depend on the order of the events, nor on how often they came", () => {
    const kind = fc.constantFrom(
      "accepted",
      "decided",
      "sent",
      "inboxed",
      "expired",
      "cancelled",
      "delivered",
      "displayed",
      "dismissed",
      "clicked",
      "failed",
      "uncertain",
      "rejected",
      "soft_bounced",
      "bounced",
      "complained",
      "unsubscribed",
    );
    const first = fc.constantFrom("sent" as const, "inboxed" as const, "queued" as const);
    const events = fc
      .array(kind)
      .chain((kinds) =>
        fc.tuple(fc.constant(kinds), fc.shuffledSubarray([...kinds, ...kinds], { minLength: kinds.length * 2 })),
      );
    fc.assert(
      fc.property(first, events, (state, [kinds, shuffled]) => {
        expect(toDeliveryState(state, shuffled)).toBe(toDeliveryState(state, kinds));
      }),
    );
  });
});
