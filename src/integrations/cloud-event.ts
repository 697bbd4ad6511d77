import { Buffer } from "node:buffer";
import { type DescMessage, fromBinary, fromJson, type JsonValue, type MessageShape } from "@bufbuild/protobuf";
import { z } from "zod";
import { InvalidInput } from "../domain/errors.ts";

/** A CloudEvent (specification 1.0.2), whichever way it came. */
export type CloudEvent = {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time?: Date;
  readonly subject?: string;
  /** Such as `application/json`; of what lies in `data`. */
  readonly dataContentType: string;
  /** As it is; JSON in structured mode is written again. */
  readonly data: Uint8Array;
};

const STRUCTURED = "application/cloudevents";
const JSON_TYPE = "application/json";
const OPENING_BRACE = 0x7b;

/** Lengths are asked for of texts only: the `length` of a JSON object may be anything, and comparing it may throw. */
const filled = (max: number) =>
  z.string({ error: "it is missing" }).pipe(z.string().min(1, { error: "it is empty" }).max(max));
const attributes = z.object({
  specversion: z.literal("1.0", { error: "only CloudEvents 1.0 is understood" }),
  id: filled(256),
  source: filled(512),
  type: filled(256),
  subject: z.string().pipe(z.string().max(256)).optional(),
  time: z.iso.datetime({ offset: true, error: "it is no RFC 3339 time" }).optional(),
  datacontenttype: z.string().optional(),
});
const structured = attributes.extend({ data: z.unknown(), data_base64: z.base64().optional() });

/** Reads a message by the NATS protocol binding: structured, when its content type says so, or else binary.
 *  @param header a header by its name, whatever its case; undefined when there is none.
 *  @throws InvalidInput naming what is wrong. */
export function parseCloudEvent(header: (name: string) => string | undefined, data: Uint8Array): CloudEvent {
  const contentType = header("content-type") ?? "";
  if (contentType.startsWith(STRUCTURED)) return parseStructured(contentType, data);
  const value = (name: string) => {
    const found = header(`ce-${name}`);
    return found === undefined ? undefined : decode(found);
  };
  const names = Object.keys(attributes.shape);
  const found = check(attributes, Object.fromEntries(names.map((name) => [name, value(name)])));
  return toCloudEvent(found, contentType || found.datacontenttype || JSON_TYPE, data);
}

/** The CloudEvent in a message on a subject where other messages may come too: one without headers is none, unless it is a JSON object,
 *  which is then read as in structured mode.
 *  @throws InvalidInput as parseCloudEvent. */
export function findCloudEvent(header: (name: string) => string | undefined, data: Uint8Array): CloudEvent | undefined {
  if (header("content-type") !== undefined || header("ce-specversion") !== undefined)
    return parseCloudEvent(header, data);
  return data[0] === OPENING_BRACE ? parseStructured(`${STRUCTURED}+json`, data) : undefined;
}

/** What its data say, in JSON (either spelling of the names) or protobuf.
 *  @param options.absent what `null` stands for. Default: it is refused.
 *  @throws InvalidInput when they are no such message. */
export function parseCloudEventData<Desc extends DescMessage>(
  schema: Desc,
  { data, dataContentType }: CloudEvent,
  options: { readonly absent?: JsonValue } = {},
): MessageShape<Desc> {
  try {
    if (/^application\/(x-)?protobuf/.test(dataContentType)) return fromBinary(schema, data);
    if (/^application\/json|\+json/.test(dataContentType)) {
      const json = JSON.parse(Buffer.from(data).toString("utf8")) as JsonValue;
      return fromJson(schema, json ?? options.absent ?? null, { ignoreUnknownFields: true });
    }
  } catch (error) {
    throw refuse("data", `it is no ${schema.name}: ${String(error)}`);
  }
  throw refuse(
    "datacontenttype",
    `${JSON.stringify(dataContentType)} is neither application/json nor application/protobuf`,
  );
}

function parseStructured(contentType: string, data: Uint8Array): CloudEvent {
  if (!contentType.startsWith(`${STRUCTURED}+json`)) throw refuse("content-type", `${contentType} is not understood`);
  const found = check(structured, parseJson(data));
  const body =
    found.data_base64 === undefined
      ? Buffer.from(JSON.stringify(found.data ?? null), "utf8")
      : Buffer.from(found.data_base64, "base64");
  return toCloudEvent(found, found.datacontenttype ?? JSON_TYPE, body);
}

function toCloudEvent(
  { id, source, type, subject, time }: z.output<typeof attributes>,
  dataContentType: string,
  data: Uint8Array,
): CloudEvent {
  return {
    ...{ id, source, type, dataContentType, data },
    ...(subject === undefined ? {} : { subject }),
    ...(time === undefined ? {} : { time: new Date(time) }),
  };
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InvalidInput(
    result.error.issues.map(({ path, message }) => ({ field: `cloud_event.${path.join(".")}`, description: message })),
  );
}

/** Header values are percent-encoded where they are not plain. */
function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    // A bare percent sign: by a sender who does not encode.
    return value;
  }
}

function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString("utf8"));
  } catch (error) {
    throw refuse("data", `it is no JSON: ${String(error)}`);
  }
}

const refuse = (field: string, description: string) =>
  new InvalidInput([{ field: `cloud_event.${field}`, description }]);
