import { assertNever } from "../assert.ts";
import { powersOfHalf } from "./power-of-half.ts";
import type { Touch } from "./touch.ts";

/** Which touches of a path a conversion is credited to, and in which ratio. */
export type PathModel =
  | { readonly kind: "first" | "last" | "last_non_direct" | "linear" | "position_based" }
  /** Each half-life before the conversion halves the weight. > 0; whole or not. */
  | { readonly kind: "time_decay"; readonly halfLifeDays: number };

const dayMs = 86_400_000;

/** The weights of the touches in whole numbers, of which only the ratio counts. Exact for every model but time decay, whose are right
 *  to some 60 decimal digits.
 *  @param touches eligible ones, oldest first, at least one. @param conversionAt not before the newest touch. */
export function toWeights(model: PathModel, touches: readonly Touch[], conversionAt: number): bigint[] {
  switch (model.kind) {
    case "first":
      return only(0, touches);
    case "last":
      return only(touches.length - 1, touches);
    case "last_non_direct": {
      const found = touches.findLastIndex(({ channel }) => channel !== "direct");
      return only(found < 0 ? touches.length - 1 : found, touches);
    }
    case "linear":
      return touches.map(() => 1n);
    case "position_based":
      return positionWeights(touches.length);
    case "time_decay":
      return decayWeights(
        touches.map(({ at }) => BigInt(conversionAt - at)),
        model.halfLifeDays,
      );
    default:
      return assertNever(model);
  }
}

function only(chosen: number, touches: readonly Touch[]): bigint[] {
  return touches.map((_, index) => (index === chosen ? 1n : 0n));
}

/** 40 % to the first and to the last, 20 % in equal parts to those between; halves where nothing is between. */
function positionWeights(count: number): bigint[] {
  const between = BigInt(count) - 2n;
  // In parts of 1 / (5·between): 2/5 are 2·between of them, and 1/5 is one for each.
  return Array.from({ length: count }, (_, index) =>
    between > 0n && (index === 0 || index === count - 1) ? 2n * between : 1n,
  );
}

function decayWeights(agesMs: readonly bigint[], halfLifeDays: number): bigint[] {
  const { numerator, denominator } = toRational(halfLifeDays);
  return powersOfHalf(
    agesMs.map((age) => age * denominator),
    numerator * BigInt(dayMs),
  );
}

/** A positive double as the fraction that it is. */
function toRational(value: number): { readonly numerator: bigint; readonly denominator: bigint } {
  let denominator = 1n;
  let scaled = value;
  // Doubling is exact, and 1,074 of them make every double whole.
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  return { numerator: BigInt(scaled), denominator };
}
