import type { JsonObject } from "@bufbuild/protobuf";
import type { TemplateVariable } from "../../../gen/intervention/v1/template_pb.js";

/** Where a variable comes from that is known only when an email is sent, since it depends on the address. */
export const UNSUBSCRIBE_FROM = "delivery.unsubscribe_url";

/** What a decision recorded, with what is known only now. */
export function withDelivery(
  variables: readonly TemplateVariable[],
  recorded: JsonObject,
  { unsubscribeUrl }: { readonly unsubscribeUrl: string | undefined },
): JsonObject {
  if (unsubscribeUrl === undefined) return recorded;
  const asked = variables.filter(({ from, name }) => from === UNSUBSCRIBE_FROM && !Object.hasOwn(recorded, name));
  return { ...recorded, ...Object.fromEntries(asked.map(({ name }) => [name, unsubscribeUrl])) };
}
