import type { Logger } from "pino";
import { ConsentKeeper } from "../api/consent-keeper.ts";
import { ProfileKeeper, type ProfileKeeperParts } from "../api/profile-keeper.ts";
import type { EdgeRequest, EdgeResponse, EdgeServer } from "../gateway/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { PREFERENCES_PATH, readPreferenceToken } from "../integrations/preference-links.ts";
import { toLanguage, toPage } from "./page.ts";
import { PAGE_TEXTS } from "./page-texts.ts";
import { type FormProblem, parsePreferencesForm, toPreferencesForm, withWanted } from "./preferences-form.ts";
import { PREFERENCES_TEXTS } from "./preferences-texts.ts";
import { servePage } from "./serve-page.ts";
import { loadPreferences, type Preferences, savePreferences } from "./user-preferences.ts";

/** A hundred topics, each twice, of 256 characters that are escaped. */
const BODY_BYTES_MAX = 200_000;

/** Serves the page where a user says what he wants to get: channels, topics, quiet hours, language. A look changes nothing; what its form
 *  sends does. Whoever has the link may, as with unsubscribing. */
export function servePreferences(
  edge: EdgeServer,
  {
    access,
    log,
    ...keeping
  }: ProfileKeeperParts & { readonly access: Pick<AccessDirectory, "findWorkspace">; readonly log: Logger },
): void {
  const profiles = new ProfileKeeper(keeping);
  const parts = { ...keeping, profiles, consents: new ConsentKeeper({ ...keeping, keeper: profiles }) };
  const find = ({ query }: EdgeRequest) => readPreferenceToken(access, query.get("t") ?? "");
  const handlers = {
    get: async (request: EdgeRequest) => {
      const who = find(request);
      return answer(request, who && (await loadPreferences(parts, who)));
    },
    post: async (request: EdgeRequest) => {
      const who = find(request);
      const standing = who && (await loadPreferences(parts, who));
      if (who === undefined || standing === undefined) return answer(request, undefined);
      const { locale } = standing;
      const { wanted, problem } = parsePreferencesForm(request.body, locale);
      if (wanted === undefined) return answer(request, standing, { said: problem });
      if (problem !== undefined) return answer(request, withWanted(standing, wanted), { said: problem, locale });
      return answer(request, await savePreferences(parts, who, wanted), { said: "saved" });
    },
  };
  servePage(edge, PREFERENCES_PATH, handlers, { log, bodyBytesMax: BODY_BYTES_MAX });
}

/** @param options.locale that the page speaks. Default: of the preferences. */
function answer(
  request: EdgeRequest,
  preferences: Preferences | undefined,
  options: { readonly said?: FormProblem | "saved"; readonly locale?: string } = {},
): EdgeResponse {
  const { said, locale = preferences?.locale } = options;
  const language = toLanguage(request, locale);
  const texts = PREFERENCES_TEXTS[language];
  const { title } = texts;
  const { bad } = PAGE_TEXTS[language];
  if (preferences === undefined) return toPage({ status: 404, language, title, body: `<p role="status">${bad}</p>` });
  const role = said === "saved" ? "status" : "alert";
  const words = said === undefined ? "" : `<p class="said" role="${role}">${texts[said]}</p>`;
  const status = said === undefined || said === "saved" ? 200 : 400;
  return toPage({ status, language, title, body: words + toPreferencesForm(preferences, language, texts) });
}
