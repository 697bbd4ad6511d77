import { z } from "zod";
import { InvalidInput } from "../domain/errors.ts";
import { parseInput } from "./parse-input.ts";
import { METHODS_BY_KIND } from "./run-case.ts";

export type Kind = keyof typeof METHODS_BY_KIND;

const kinds = Object.keys(METHODS_BY_KIND);
const file = z.object({
  format: z.string(),
  cases: z.array(z.object({ id: z.string(), method: z.string(), input: z.unknown() })),
});

export type Cases = { readonly kind: Kind; readonly cases: z.output<typeof file>["cases"] };

/** Reads a file of cases: `{"format": "intervention-engine/<kind>-oracle@1", "cases": [{"id", "method", "input"}, …]}`; further fields
 *  are left alone. @throws InvalidInput for anything else, in words for who made the file. */
export function readCases(text: string): Cases {
  const { format, cases } = parseInput(file, parseJson(text));
  const kind = kinds.find((name): name is Kind => format === `intervention-engine/${name}-oracle@1`);
  if (kind === undefined) {
    const wanted = kinds.map((name) => `intervention-engine/${name}-oracle@1`).join(", ");
    throw new InvalidInput([{ field: "format", description: `"${format}" is none of ${wanted}` }]);
  }
  return { kind, cases };
}

/** JSON, and the NaN and Infinity that some writers put into it though it has no such numbers: they are read as infinite, so that the one
 *  case with them is refused rather than the file. */
function parseJson(text: string): unknown {
  const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (token) =>
    token.startsWith('"') ? token : "1e999",
  );
  try {
    return JSON.parse(plain);
  } catch (error) {
    throw new InvalidInput([{ field: "file", description: error instanceof Error ? error.message : String(error) }]);
  }
}
