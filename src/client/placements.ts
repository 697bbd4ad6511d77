import { toObject, toText } from "./json.ts";
import { type CallParts, createCall } from "./unary.ts";

/** A page that is being looked at. */
export interface PageView {
  /** The page's address, or its path alone. */
  readonly pageUrl: string;
  /** The places in it, 1 to 20. */
  readonly placements: readonly string[];
  /** BCP 47. Default: not known. */
  readonly locale?: string;
  /** Made up by the page, 1 to 64 characters, another one with each view; `content.presentation.viewId` of what comes. */
  readonly viewId: string;
}

/** What a place gets, as an intervention with this id, unless its decision is against it. */
export interface PlacementChoice {
  readonly placement: string;
  readonly interventionId: string;
}

/** Places in the page, and what is offered in them. */
export interface Placements {
  /** Rejects with InterventionClientError. Asking again for the same view leads to the same interventions. */
  choose(view: PageView): Promise<readonly PlacementChoice[]>;
}

export function createPlacements(parts: CallParts): Placements {
  const call = createCall(parts, "intervention.v1.PlacementService", "PLACEMENTS_FAILED");
  return {
    choose: async (view) => {
      const { choices } = await call("Choose", { ...view });
      return (Array.isArray(choices) ? choices : []).map((entry) => {
        const choice = toObject(entry) ?? {};
        return { placement: toText(choice.placement), interventionId: toText(choice.interventionId) };
      });
    },
  };
}
