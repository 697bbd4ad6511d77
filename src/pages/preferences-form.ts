import { toEscaped } from "../domain/delivery/to-outgoing.ts";
import { parseTimeOfDay } from "../domain/schedule/quiet-hours.ts";
import { findLanguage, LANGUAGES, type Language } from "../domain/spoken-language.ts";
import type { PreferencesTexts } from "./preferences-texts.ts";
import type { Preferences } from "./user-preferences.ts";

/** How offers and news reach a user; `shop` is the shop itself, by a live socket or the inbox there. */
export type PreferenceChannel = "email" | "sms" | "push" | "shop";

/** What a user has chosen on the page. */
export type WantedPreferences = {
  /** Those that he was asked about. */
  readonly channels: ReadonlyMap<PreferenceChannel, boolean>;
  /** What he follows no longer. */
  readonly unfollowed: readonly string[];
  /** Absent: none. */
  readonly quietHours?: { readonly start: string; readonly end: string };
  /** Absent: as it was. */
  readonly locale?: string;
};

/** Why a form is not taken, as the name of what the page says then. */
export type FormProblem = "badHours" | "badForm";

/** What a form says, and what is wrong with it; nothing, where it is none of this page's. */
type ParsedForm =
  | { readonly wanted: WantedPreferences; readonly problem?: "badHours" }
  | { readonly wanted?: undefined; readonly problem: "badForm" };

const CHANNELS: readonly string[] = ["email", "sms", "push", "shop"] satisfies readonly PreferenceChannel[];
const isChannel = (text: string): text is PreferenceChannel => CHANNELS.includes(text);

/** Reads what the page's form sends: `asked` and `follows` name everything that was shown, `channel` and `topic` what is ticked. What the
 *  page shows is not all there is by the time that it is sent, and what it has not shown is not meant.
 *  @param locale the user's, which a language's choice keeps where it is one of the same language. */
export function parsePreferencesForm(body: Uint8Array, locale: string): ParsedForm {
  const form = new URLSearchParams(new TextDecoder().decode(body));
  const asked = form.getAll("asked");
  const language = form.get("language") ?? "";
  const isOfPage =
    asked.every(isChannel) && ["all", "none"].includes(form.get("do") ?? "") && isLocale(language, locale);
  if (!isOfPage) return { problem: "badForm" };
  const isNone = form.get("do") === "none";
  const ticked = new Set(isNone ? [] : form.getAll("channel"));
  const followed = new Set(form.getAll("topic"));
  const [start, end] = [form.get("from") ?? "", form.get("until") ?? ""];
  const isQuiet = form.get("quiet") === "on";
  const isBad = start === end || parseTimeOfDay(start) === undefined || parseTimeOfDay(end) === undefined;
  const wanted = {
    channels: new Map(asked.filter(isChannel).map((channel) => [channel, ticked.has(channel)])),
    unfollowed: form.getAll("follows").filter((topic) => !followed.has(topic)),
    ...(isQuiet ? { quietHours: { start, end } } : {}),
    ...(language === "" ? {} : { locale: language }),
  };
  return isQuiet && isBad ? { wanted, problem: "badHours" } : { wanted };
}

/** What the page shows of what was chosen but is not kept yet. */
export function withWanted(preferences: Preferences, wanted: WantedPreferences): Preferences {
  const { channels, topics, locale } = preferences;
  return {
    ...preferences,
    locale: wanted.locale ?? locale,
    channels: new Map([...channels].map(([channel, isOn]) => [channel, wanted.channels.get(channel) ?? isOn])),
    topics: topics.map((one) => ({ ...one, isFollowed: !wanted.unfollowed.includes(one.topic) })),
    quietHours: wanted.quietHours,
  };
}

const isLocale = (language: string, locale: string) =>
  language === "" || language === locale || LANGUAGES.some((one) => one === language);

/** The form, in HTML. */
export function toPreferencesForm(preferences: Preferences, language: Language, texts: PreferencesTexts): string {
  const { channels, topics, quietHours, timeZone } = preferences;
  const rows = [...channels].map(
    ([channel, isOn]) =>
      `<input type="hidden" name="asked" value="${channel}">${toRow({ name: "channel", value: channel, isOn, label: texts[channel] })}`,
  );
  const follows = topics.map(
    ({ topic, news, product, isFollowed }) =>
      `<input type="hidden" name="follows" value="${toEscaped(topic)}">${toRow({
        ...{ name: "topic", value: topic, isOn: isFollowed },
        label: toTopicLabel({ topic, news, product }, texts),
      })}`,
  );
  const zone = timeZone === "" ? "" : `<p class="note">${toEscaped(texts.zone.replace("{zone}", timeZone))}</p>`;
  const quietRow = toRow({ name: "quiet", value: "on", isOn: quietHours !== undefined, label: texts.quietAsk });
  const [start, end] = [quietHours?.start ?? "22:00", quietHours?.end ?? "07:00"];
  return `<p>${texts.intro}</p><form method="post">${toGroup(texts.channels, rows)}${toGroup(texts.topics, follows)}${toGroup(
    texts.quiet,
    [
      quietRow,
      `<div class="times"><label>${texts.from}<input type="time" name="from" value="${toEscaped(start)}"></label>`,
      `<label>${texts.until}<input type="time" name="until" value="${toEscaped(end)}"></label></div>${zone}`,
    ],
  )}${toGroup(texts.language, [toLanguages(preferences.locale, language, texts)])}<div class="buttons">
<button name="do" value="all">${texts.save}</button><button class="second" name="do" value="none">${texts.none}</button></div></form>`;
}

const toGroup = (legend: string, rows: readonly string[]): string =>
  rows.length === 0 ? "" : `<fieldset><legend>${legend}</legend>${rows.join("")}</fieldset>`;

function toRow(row: { readonly name: string; readonly value: string; readonly isOn: boolean; readonly label: string }) {
  const { name, value, isOn, label } = row;
  const box = `<input type="checkbox" name="${name}" value="${toEscaped(value)}"${isOn ? " checked" : ""}>`;
  return `<label class="row">${box}<span>${toEscaped(label)}</span></label>`;
}

function toTopicLabel(
  {
    topic,
    news,
    product,
  }: { readonly topic: string; readonly news: string | undefined; readonly product: string | undefined },
  texts: PreferencesTexts,
): string {
  if (product === undefined || (news !== "back_in_stock" && news !== "price_drop")) return topic;
  return texts[news].replace("{product}", () => product);
}

/** Each in its own words, as whoever looks for it reads no other. */
function toLanguages(locale: string, language: Language, texts: PreferencesTexts): string {
  const own = findLanguage(locale);
  const options = LANGUAGES.map((one) => {
    const value = one === own ? locale : one;
    const name = new Intl.DisplayNames([one], { type: "language" }).of(one) ?? one;
    const isChosen = one === (own ?? (locale === "" ? language : undefined));
    return `<option value="${toEscaped(value)}" lang="${one}"${isChosen ? " selected" : ""}>${name}</option>`;
  });
  // One that is not spoken here stays as it is, until another is chosen.
  const other = locale !== "" && own === undefined ? [`<option value="" selected>${toEscaped(locale)}</option>`] : [];
  return `<select name="language" aria-label="${texts.language}">${[...other, ...options].join("")}</select>`;
}
