import { z } from "zod";
import { type EventKind, EventKindSchema } from "../../gen/intervention/v1/event_pb.js";
import { toKindName } from "../bus/index.ts";
import {
  type Check,
  checked,
  httpUrl,
  memberOf,
  parseFields,
  show,
  text,
  withoutControlCharacters,
} from "./field-checks.ts";

/** What a caller says of an endpoint. */
export type ParsedEndpoint = { readonly url: string; readonly kinds: readonly string[]; readonly description: string };

const withoutCredentials: Check<string> = (value) => {
  const { username, password } = new URL(value);
  return username === "" && password === "" ? undefined : "it has a user or password: what is sent is signed instead";
};
const httpsOnly: Check<string> = (value) =>
  new URL(value).protocol === "https:" ? undefined : `${show(value)} is not https`;

/** @param options.allowHttp whether plain http is allowed too.
 *  @throws InvalidInput naming every bad field. */
export function parseEndpoint(
  request: { readonly url: string; readonly kinds: EventKind[]; readonly description: string },
  { allowHttp }: { readonly allowHttp: boolean },
): ParsedEndpoint {
  const checks = [httpUrl, withoutCredentials, ...(allowHttp ? [] : [httpsOnly])];
  const schema = z.object({
    url: checked(...checks),
    kinds: z.array(checked<EventKind>(memberOf(EventKindSchema, { allowUnspecified: false }))),
    description: checked(text({ max: 200 }), withoutControlCharacters),
  });
  const { url, kinds, description } = parseFields(schema, request);
  return { url, kinds: [...new Set(kinds)].map(toKindName), description };
}
