import { allocate } from "./allocate.ts";
import { type PathModel, toWeights } from "./path-model.ts";
import { eligibleTouches, type Touch, type Windows } from "./touch.ts";

export type Conversion = {
  /** Minor units of a currency, a safe integer; negative where money went back. */
  readonly value: number;
  /** Milliseconds since 1970, whole. */
  readonly at: number;
};

export type PathCredits = {
  /** Every eligible touch, oldest first, those with nothing too. They and `unattributed` sum to the value exactly. */
  readonly credits: readonly { readonly touch: Touch; readonly credit: number }[];
  /** The same by channel. */
  readonly byChannel: ReadonlyMap<string, number>;
  /** The whole value when no touch is eligible, else 0. */
  readonly unattributed: number;
};

/** Credits one conversion to the touches before it. */
export function attributePath(
  touches: readonly Touch[],
  conversion: Conversion,
  { model, windows }: { readonly model: PathModel; readonly windows: Windows },
): PathCredits {
  const eligible = eligibleTouches(touches, conversion.at, windows);
  if (eligible.length === 0) return { credits: [], byChannel: new Map(), unattributed: conversion.value };
  const shares = allocate(conversion.value, toWeights(model, eligible, conversion.at));
  const credits = eligible.map((touch, index) => ({ touch, credit: shares[index] ?? 0 }));
  const byChannel = new Map<string, number>();
  for (const { touch, credit } of credits) byChannel.set(touch.channel, (byChannel.get(touch.channel) ?? 0) + credit);
  return { credits, byChannel, unattributed: 0 };
}
