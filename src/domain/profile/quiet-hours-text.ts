import type { DailyHours } from "../../../gen/intervention/v1/profile_pb.js";

/** A user's own quiet hours, as profiles keep them: `HH:MM-HH:MM`. */
export const toQuietHoursText = ({ start, end }: Pick<DailyHours, "start" | "end">): string => `${start}-${end}`;

/** Reads what `toQuietHoursText` wrote; nothing for an empty text. */
export function toQuietHours(text: string): { readonly quietHours?: DailyHours } {
  const [start, end] = text.split("-");
  if (start === undefined || end === undefined) return {};
  return { quietHours: { $typeName: "intervention.v1.DailyHours", start, end } };
}
