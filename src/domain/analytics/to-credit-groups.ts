import { MODEL_SHOWN, type PathModelName } from "../attribution/credit-order.ts";
import type { CellKey, EventGroup } from "./cell.ts";

type Credited = {
  readonly valueMinor: number;
  readonly refundedMinor: number;
  readonly currency: string;
  readonly path: readonly (CellKey & { readonly segments?: readonly string[] })[];
  readonly credits: Readonly<Record<PathModelName, readonly number[]>>;
};

const NOTHING: CellKey = { campaign: "", channel: "", variant: "", template: "", locale: "" };

/** An order as figures count it: one conversion, where the model that is shown puts most of it, and the net value where that model credits it.
 *  What goes to nobody, and what was refunded, is counted without campaign and channel. */
export function toCreditGroups({ valueMinor, refundedMinor, currency, path, credits }: Credited): EventGroup[] {
  const shown = credits[MODEL_SHOWN];
  const group = (key: Credited["path"][number], kind: string, count: number, value: number): EventGroup => ({
    ...{
      campaign: key.campaign,
      channel: key.channel,
      variant: key.variant,
      template: key.template,
      locale: key.locale,
    },
    ...(key.segments === undefined ? {} : { segments: key.segments }),
    ...{ kind, count, valueMinor: value, costMicros: 0, currency, reason: "", rule: "", byPerson: true },
  });
  const most = shown.indexOf(Math.max(...shown));
  const credited = path.flatMap((touch, i) => {
    const value = shown[i] ?? 0;
    return i === most || value !== 0 ? [group(touch, "converted", i === most ? 1 : 0, value)] : [];
  });
  const unattributed = path.length === 0 ? [group(NOTHING, "converted", 1, valueMinor - refundedMinor)] : [];
  const refunded = refundedMinor === 0 ? [] : [group(NOTHING, "refunded", 1, refundedMinor)];
  return [...credited, ...unattributed, ...refunded];
}
