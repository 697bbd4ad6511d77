import { z } from "zod";
import { thompsonAllocation } from "../domain/statistics/thompson-allocation.ts";
import type { Methods } from "./methods.ts";
import { parseInput, positive } from "./parse-input.ts";

const armsInput = z.object({
  arms: z.array(z.tuple([positive, positive]).transform(([alpha, beta]) => ({ alpha, beta }))).min(1),
});

/** How a bandit shares its choices out, under the field names of the reference vectors. */
export const ALLOCATION_METHODS: Methods = {
  thompson_allocation: (input) => ({ probabilities: thompsonAllocation(parseInput(armsInput, input).arms) }),
};
