import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { isStopped } from "../catalog/product-states.ts";
import { type Finding, pass, stop } from "./finding.ts";

/** Are the products that it is about still to be had? */
export function askCatalog({ products }: DecisionInput): Finding {
  if (products === undefined) return pass("no products");
  const { available, gone } = products;
  const reason = [
    `${available.length} of ${available.length + gone.length} products can be had`,
    ...(gone.length === 0 ? [] : [`gone: ${gone.join(", ")}`]),
  ].join("; ");
  return isStopped(products) ? stop(reason, Outcome.SUPPRESS) : pass(reason);
}
