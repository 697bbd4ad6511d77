import { create } from "@bufbuild/protobuf";
import type { Treatment } from "../../../gen/intervention/v1/experiment_pb.js";
import { type Content, type Policy, PolicySchema } from "../../../gen/intervention/v1/intervention_pb.js";
import type { TemplateUse } from "../../../gen/intervention/v1/template_use_pb.js";

/** What a treatment may change. */
type Treatable = {
  readonly content?: Content | undefined;
  readonly template?: TemplateUse | undefined;
  readonly policy?: Policy | undefined;
};

/** A message, or a campaign, as variants have it. Doing it twice is doing it once, so that it is safe wherever a message is made anew
 *  of what its caller asked for. */
export function applyTreatments<T extends Treatable>(
  given: T,
  experiments: readonly { readonly treatment?: Treatment | undefined }[],
): T {
  let treated = given;
  for (const { treatment } of experiments) if (treatment !== undefined) treated = applyOne(treated, treatment);
  return treated;
}

function applyOne<T extends Treatable>(given: T, { content, template, channels }: Treatment): T {
  const isSaid = content !== undefined || template !== undefined;
  const { policy } = given;
  return {
    ...given,
    ...(isSaid ? { content, template } : {}),
    ...(policy !== undefined && channels.length > 0 ? { policy: create(PolicySchema, { ...policy, channels }) } : {}),
  };
}
