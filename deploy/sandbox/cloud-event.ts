/** A CloudEvent 1.0 with JSON data, as the neighbours of the engine send and hear them. */
export type JsonCloudEvent = {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  /** RFC 3339. */
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
};

/** How it lies in a NATS message: everything in the body, or the attributes in headers. Both are in the NATS protocol binding. */
export type ContentMode = "structured" | "binary";

export type EncodedEvent = { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const attributeNames = ["id", "source", "type", "subject", "time"] as const;

export function encodeCloudEvent(event: JsonCloudEvent, mode: ContentMode): EncodedEvent {
  if (mode === "structured") {
    const body = { specversion: "1.0", datacontenttype: "application/json", ...event };
    return {
      headers: { "content-type": "application/cloudevents+json" },
      body: encoder.encode(JSON.stringify(body)),
    };
  }
  const headers: Record<string, string> = { "content-type": "application/json", "ce-specversion": "1.0" };
  for (const name of attributeNames) headers[`ce-${name}`] = percentEncoded(event[name]);
  return { headers, body: encoder.encode(JSON.stringify(event.data)) };
}

/** Reads either mode.
 *  @param header a header by its name in lower case.
 *  @returns undefined for what is no CloudEvent with an object as its data: a neighbour is not the one to judge it. */
export function decodeCloudEvent(
  header: (name: string) => string | undefined,
  body: Uint8Array,
): JsonCloudEvent | undefined {
  const json = parseObject(body);
  if (json === undefined) return undefined;
  const isStructured = header("content-type")?.startsWith("application/cloudevents") === true;
  const attribute = (name: string): unknown => {
    if (isStructured) return json[name];
    const value = header(`ce-${name}`);
    return value === undefined ? undefined : percentDecoded(value);
  };
  const [id, source, type, subject, time] = attributeNames.map(attribute);
  const data = isStructured ? json.data : json;
  if (attribute("specversion") !== "1.0" || !isObject(data)) return undefined;
  if (!isText(id) || !isText(source) || !isText(type) || !isText(subject) || !isText(time)) return undefined;
  return Number.isNaN(Date.parse(time)) ? undefined : { id, source, type, subject, time, data };
}

/** Space, quote, percent and everything outside printable ASCII, as the binding says. */
function percentEncoded(value: string): string {
  return value.replaceAll(/[^!#$&-~]/gu, (character) =>
    [...encoder.encode(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

function percentDecoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    // What the binding does not allow is as good as missing.
    return undefined;
  }
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(decoder.decode(body));
    return isObject(json) ? json : undefined;
  } catch {
    // Bytes that are no JSON are no event.
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
