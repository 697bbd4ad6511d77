const TINY = 1e-290;
const EPSILON = 2 ** -52;
/** Needs about the square root of the largest parameter: enough for 1e13. */
const TERMS_MAX = 50_000_000;

/** b₀ + a₁/(b₁ + a₂/(b₂ + …)), evaluated forwards until it stands still.
 *  @param term aₘ and bₘ, written into the given pair, for m = 0, 1, 2 (a₀ counts nowhere).
 *  @throws when it doesn't settle, which no caller's parameters should bring about.
 *  Source: W. J. Lentz (1976) as changed by I. J. Thompson and A. R. Barnett (1986); Numerical Recipes §5.2. */
export function continuedFraction(term: (m: number, into: { a: number; b: number }) => void): number {
  const current = { a: 0, b: 0 };
  term(0, current);
  let value = current.b === 0 ? TINY : current.b;
  let c = value;
  let d = 0;
  for (let m = 1; m < TERMS_MAX; m += 1) {
    term(m, current);
    d = current.b + current.a * d;
    d = 1 / (d === 0 ? TINY : d);
    c = current.b + current.a / c;
    if (c === 0) c = TINY;
    const ratio = c * d;
    value *= ratio;
    if (Math.abs(ratio - 1) <= EPSILON) return value;
  }
  throw new Error("a continued fraction did not settle");
}
