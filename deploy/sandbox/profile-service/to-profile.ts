import { createHash } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Purchase } from "../../../bench/cdnow.ts";
import type { ProfileSchema } from "../../../gen/data_intelligence/v1/profile_service_pb.js";

export type ProfileInit = MessageInitShape<typeof ProfileSchema>;

/** What one customer did in all. Dates are YYYY-MM-DD. */
export type CustomerHistory = {
  readonly purchases: number;
  readonly cds: number;
  readonly cents: number;
  readonly firstDate: string;
  readonly lastDate: string;
};

/** The last day of the data, which is today for whoever asks. */
const TODAY = "1998-06-30";
const dayMs = 86_400_000;
/** Half a year without a purchase, after which hardly any of these customers came back. */
const LAPSED_DAYS = 182;
const LOYAL_PURCHASES = 5;
/** What about one in ten of the customers has spent. */
const BIG_SPENDER_CENTS = 24_200;

/** Time zone and language are made up, since the data say nothing of them. */
const PLACES: readonly (readonly [timeZone: string, locale: string])[] = [
  ["America/New_York", "en-US"],
  ["America/Chicago", "en-US"],
  ["America/Denver", "en-US"],
  ["America/Los_Angeles", "en-US"],
  ["America/Toronto", "fr-CA"],
  ["Europe/London", "en-GB"],
  ["Europe/Berlin", "de-DE"],
  ["Asia/Tokyo", "ja-JP"],
];

/** Adds up purchases by customer.
 *  @param purchases in the order of their dates. */
export function toHistories(purchases: Iterable<Purchase>): Map<string, CustomerHistory> {
  const histories = new Map<string, CustomerHistory>();
  for (const { customer, date, cds, cents } of purchases) {
    const known = histories.get(customer) ?? { purchases: 0, cds: 0, cents: 0, firstDate: date, lastDate: date };
    histories.set(customer, {
      purchases: known.purchases + 1,
      cds: known.cds + cds,
      cents: known.cents + cents,
      firstDate: known.firstDate,
      lastDate: date,
    });
  }
  return histories;
}

/** What is known of a customer: the same history gives the same profile. */
export function toProfile(userId: string, history: CustomerHistory): ProfileInit {
  const { purchases, cds, cents, firstDate, lastDate } = history;
  const [timeZone, locale] = PLACES[toNumber(userId) % PLACES.length] ?? ["", ""];
  const recencyDays = Math.round((Date.parse(TODAY) - Date.parse(lastDate)) / dayMs);
  return {
    userId,
    timeZone,
    locale,
    segments: [
      purchases === 1 ? "one-time-buyer" : purchases < LOYAL_PURCHASES ? "repeat-buyer" : "loyal",
      ...(cents >= BIG_SPENDER_CENTS ? ["big-spender"] : []),
      ...(recencyDays > LAPSED_DAYS ? ["lapsed"] : []),
    ],
    attributes: {
      purchases,
      cds,
      spend_minor: cents,
      average_order_minor: Math.round(cents / purchases),
      first_purchase: firstDate,
      last_purchase: lastDate,
      recency_days: recencyDays,
    },
    lifetimeValue: { currency: "USD", minor: BigInt(cents) },
    updateTime: timestampFromDate(new Date(lastDate)),
  };
}

/** Spreads ids that are numbered one after another. */
const toNumber = (id: string): number => createHash("sha256").update(id).digest().readUInt32BE(0);
