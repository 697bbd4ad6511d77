/** How long a time figures are kept for together. A slice is the smallest: figures are at most so old. */
export type SpanKind = "slice" | "minute" | "hour" | "day";

export const SPAN_MS: Readonly<Record<SpanKind, number>> = {
  slice: 5_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/** A span of UTC time: the `n`th of its kind since 1970. */
export type Span = { readonly kind: SpanKind; readonly n: number };

export const toSpan = (kind: SpanKind, ms: number): Span => ({ kind, n: Math.floor(ms / SPAN_MS[kind]) });
export const toStartMs = ({ kind, n }: Span): number => n * SPAN_MS[kind];

const BELOW = { minute: "slice", hour: "minute", day: "hour" } as const;

/** What a span is made of. */
export function listBelow(span: Span): readonly Span[] {
  if (span.kind === "slice") return [];
  const kind = BELOW[span.kind];
  const count = SPAN_MS[span.kind] / SPAN_MS[kind];
  return Array.from({ length: count }, (_, i) => ({ kind, n: span.n * count + i }));
}

/** The fewest spans that make up [from, until): days in the middle, then hours, then minutes. Both ends are cut to whole minutes.
 *  Local days of any time zone are whole minutes of UTC, so they come out exactly, also those of 23 and 25 hours. */
export function coverWithSpans(fromMs: number, untilMs: number): Span[] {
  const spans: Span[] = [];
  let atMs = Math.ceil(fromMs / SPAN_MS.minute) * SPAN_MS.minute;
  const endMs = Math.floor(untilMs / SPAN_MS.minute) * SPAN_MS.minute;
  while (atMs < endMs) {
    const kind = (["day", "hour", "minute"] as const).find(
      (one) => atMs % SPAN_MS[one] === 0 && atMs + SPAN_MS[one] <= endMs,
    );
    const span = toSpan(kind ?? "minute", atMs);
    spans.push(span);
    atMs += SPAN_MS[span.kind];
  }
  return spans;
}
