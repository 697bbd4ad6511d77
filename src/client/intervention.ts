import type { Content } from "./content.ts";
import type { EventKind, InterventionFrame } from "./frame.ts";
import type { Product } from "./product.ts";

/** What a page can report; delivered is the client's own. */
export type Touchpoint = "displayed" | "clicked" | "dismissed";

/** Something to show. What is reported about it is kept and repeated until the engine has it on disk,
 *  across lost connections and page navigations. */
export interface Intervention {
  readonly id: string;
  readonly content: Content;
  /** May be empty. */
  readonly campaign: string;
  /** Those of the catalogue that it is about, as they were when it was sent. */
  readonly products: readonly Product[];
  readonly acceptTime: Date | undefined;
  /** Do not show it after this. Undefined: it never ends. */
  readonly expireTime: Date | undefined;
  /** The user can see it now. Counts once. */
  displayed(): void;
  /** The user chose an action. Counts each time. @param actionId of `content.actions`; empty for the whole. */
  clicked(actionId?: string): void;
  /** The user closed it. Counts once. */
  dismissed(): void;
}

export interface Report {
  readonly kind: EventKind;
  readonly interventionId: string;
  readonly actionId: string;
}

const kindOf: { readonly [Name in Touchpoint]: EventKind } = {
  displayed: "EVENT_KIND_DISPLAYED",
  clicked: "EVENT_KIND_CLICKED",
  dismissed: "EVENT_KIND_DISMISSED",
};

export function toReport(touchpoint: Touchpoint, interventionId: string, actionId = ""): Report {
  return { kind: kindOf[touchpoint], interventionId, actionId };
}

export function toIntervention(frame: InterventionFrame, track: (report: Report) => void): Intervention {
  const reported = new Set<Touchpoint>();
  const once = (touchpoint: Touchpoint) => {
    if (reported.has(touchpoint)) return;
    reported.add(touchpoint);
    track(toReport(touchpoint, frame.interventionId));
  };
  return {
    id: frame.interventionId,
    content: frame.content,
    campaign: frame.campaign,
    products: frame.products,
    acceptTime: frame.acceptTimeMs === undefined ? undefined : new Date(frame.acceptTimeMs),
    expireTime: frame.expireTimeMs === undefined ? undefined : new Date(frame.expireTimeMs),
    displayed: () => once("displayed"),
    clicked: (actionId) => track(toReport("clicked", frame.interventionId, actionId)),
    dismissed: () => once("dismissed"),
  };
}
