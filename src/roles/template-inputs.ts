import { create } from "@bufbuild/protobuf";
import type { InterventionMessage } from "../../gen/intervention/v1/bus_pb.js";
import type { DecisionInput } from "../../gen/intervention/v1/decision_pb.js";
import type { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { type Prediction, PredictionKindSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { type TemplateInput, TemplateInputSchema } from "../../gen/intervention/v1/template_input_pb.js";
import type { TemplateUse } from "../../gen/intervention/v1/template_use_pb.js";
import { toExpiry } from "../domain/prediction/to-expiry.ts";
import { fillTemplate, outlineTemplate, type TemplateFacts, toCodePools, toRoots } from "../domain/template/index.ts";
import { CodeLedger } from "../integrations/code-ledger.ts";
import { findTemplateProducts } from "../integrations/template-products.ts";
import { TemplateView } from "../integrations/template-view.ts";
import { findNewestPrediction, type Store } from "../store/index.ts";
import type { DecideOptions } from "./decide.ts";
import { findProfileFacts } from "./profile-facts.ts";
import { findContext } from "./shopper-contexts.ts";

type TemplateInputsOptions = Pick<DecideOptions, "store" | "toPreferenceUrl">;

/** Looks up what messages are rendered from, so that it is recorded with their decisions. */
export class TemplateInputs {
  readonly #store: Store;
  readonly #templates: TemplateView;
  readonly #codes: CodeLedger;
  readonly #toPreferenceUrl: TemplateInputsOptions["toPreferenceUrl"];

  constructor({ store, toPreferenceUrl }: TemplateInputsOptions) {
    this.#store = store;
    this.#toPreferenceUrl = toPreferenceUrl;
    this.#templates = new TemplateView(store);
    this.#codes = new CodeLedger(store);
  }

  /** What every rule may know. */
  async outline(input: DecisionInput, use: TemplateUse): Promise<TemplateInput> {
    const { recipient, profile, defaultTimeZone } = input;
    return outlineTemplate(use, await this.#find(input, use), {
      locale: recipient?.locale || profile?.locale || "",
      timeZone: recipient?.timeZone || profile?.timeZone || defaultTimeZone,
    });
  }

  /** What it takes to send it, once no other rule has said no. */
  async fill(input: DecisionInput, outline: TemplateInput, asked: Asked): Promise<TemplateInput> {
    const { message, use, channel, now } = asked;
    const template = await this.#find(input, use);
    if (template === undefined || outline.problem !== "") return outline;
    const facts = await this.#findFacts(message, toRoots(template, use), now);
    const codes = await this.#drawCodes(message, toCodePools(template.variables, use.variables ?? {}), now);
    return typeof codes === "string"
      ? create(TemplateInputSchema, { ...outline, problem: codes })
      : fillTemplate(outline, template, { given: use.variables, facts, codes, channel });
  }

  /** An intervention's own, by pool, however often it is decided.
   *  @returns why there is none. */
  async #drawCodes(
    { workspace, interventionId }: InterventionMessage,
    pools: ReadonlySet<string>,
    now: Date,
  ): Promise<ReadonlyMap<string, string> | string> {
    const codes = new Map<string, string>();
    for (const pool of pools) {
      const code = await this.#codes.draw({ workspaceId: workspace, pool }, interventionId, now);
      if (code === undefined) return `the code pool "${pool}" has no code left`;
      codes.set(pool, code);
    }
    return codes;
  }

  #find({ workspace }: DecisionInput, { template, version }: TemplateUse) {
    return this.#templates.find({ workspaceId: workspace, templateId: template, version });
  }

  async #findFacts(message: InterventionMessage, roots: ReadonlySet<string>, now: Date): Promise<TemplateFacts> {
    const { workspace, trigger } = message;
    const userId = message.recipient?.userId ?? "";
    const wants = (root: string) => roots.has(root) || (roots.has("catalog") && root !== "profile");
    const [context, profile, prediction] = await Promise.all([
      wants("context") ? findContext(this.#store, workspace, userId) : undefined,
      roots.has("profile") ? findProfileFacts(this.#store, workspace, userId) : undefined,
      wants("prediction") ? (trigger?.prediction ?? this.#findPrediction(workspace, userId, now)) : undefined,
    ]);
    const links = { preferences: roots.has("links") ? this.#toPreferenceUrl?.(workspace, userId) : undefined };
    const known = { context, profile, prediction, event: trigger?.event, links, now };
    if (!roots.has("catalog")) return known;
    return { ...known, catalog: await findTemplateProducts(this.#store, workspace, known) };
  }

  /** The newest that still holds, of whichever kind. */
  async #findPrediction(workspaceId: string, userId: string, now: Date): Promise<Prediction | undefined> {
    const kinds = PredictionKindSchema.values.map(({ number }) => number).filter((kind) => kind !== 0);
    const found = await Promise.all(
      kinds.map((kind) => findNewestPrediction(this.#store, { workspaceId, userId, kind, now })),
    );
    return found
      .filter((one) => one !== undefined && toExpiry(one) > now)
      .toSorted((a, b) => Number((b?.predictTime?.seconds ?? 0n) - (a?.predictTime?.seconds ?? 0n)))[0];
  }
}

type Asked = {
  readonly message: InterventionMessage;
  readonly use: TemplateUse;
  /** The one that was decided for. */
  readonly channel: Channel;
  readonly now: Date;
};
