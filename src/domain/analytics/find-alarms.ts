import { type Cell, CellSum } from "./cell.ts";

/** What people do who want no more of it. */
export const ALARM_KINDS = ["complained", "unsubscribed"] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

/** From when on a rate is too high. */
export type AlarmThresholds = {
  /** Of what was sent, 0 to 1; 0 never is. */
  readonly rateMax: Readonly<Record<AlarmKind, number>>;
  /** Fewer messages say nothing yet. */
  readonly sentMin: number;
};

/** Mailbox providers ask for less than 0.1 % complaints and block at 0.3 % (Google, "Email sender guidelines", 2024). Of unsubscribing
 *  none says how much; half a per cent is twice what is usual, so that it is told while it is unusual. */
export const THRESHOLDS: AlarmThresholds = { rateMax: { complained: 0.001, unsubscribed: 0.005 }, sentMin: 1_000 };

/** A campaign that people complain about, or leave, more than they should, on a channel. */
export type Alarm = {
  readonly kind: AlarmKind;
  readonly campaign: string;
  readonly channel: string;
  readonly count: number;
  readonly sent: number;
  readonly rate: number;
  readonly rateMax: number;
};

/** Which campaigns' rates are beyond the thresholds, by channel; the worst first. */
export function findAlarms(cells: readonly Cell[], { rateMax, sentMin }: AlarmThresholds): Alarm[] {
  const sum = new CellSum();
  for (const cell of cells) sum.addCell({ ...cell, key: { ...cell.key, variant: "", template: "", locale: "" } });
  const alarms = sum.toCells().flatMap(({ key: { campaign, channel }, counts }) => {
    const sent = (counts.sent ?? 0) + (counts.inboxed ?? 0);
    if (sent < sentMin) return [];
    return ALARM_KINDS.map((kind): Alarm => {
      const count = counts[kind] ?? 0;
      return { kind, campaign, channel, count, sent, rate: sent === 0 ? 0 : count / sent, rateMax: rateMax[kind] };
    }).filter((one) => one.rateMax > 0 && one.rate > one.rateMax);
  });
  return alarms.sort((a, b) => b.rate / b.rateMax - a.rate / a.rateMax || (a.campaign < b.campaign ? -1 : 1));
}
