import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema, timestampMs } from "@bufbuild/protobuf/wkt";
import { ContextSchema, PredictionSchema, ShopEventSchema } from "../../../gen/intervention/v1/shopper_pb.js";

/** What a field holds. A time is read as milliseconds since 1970, an enum as its value's short name; `json` may hold anything. */
export type FieldType =
  | { readonly kind: "number" | "text" | "boolean" | "time" | "object" }
  | { readonly kind: "enum"; readonly names: readonly string[] }
  | { readonly kind: "json"; readonly scope: Scope }
  | { readonly kind: "list"; readonly scope: Scope };

/** A field, and how it is read off what it is a field of; undefined when it is absent. */
export type Field = { readonly type: FieldType; readonly scope?: Scope; readonly read: (source: unknown) => unknown };

/** Where a name is looked up. */
export type Scope = { readonly find: (name: string) => Field | undefined; readonly names: readonly string[] };

/** An own property: nothing that a name might find on a prototype. */
function property(source: unknown, name: string): unknown {
  return typeof source === "object" && source !== null && Object.hasOwn(source, name)
    ? Reflect.get(source, name)
    : undefined;
}

/** Anything below free attributes. */
const JSON_SCOPE: Scope = {
  names: ["anything"],
  find: (name) => ({
    type: { kind: "json", scope: JSON_SCOPE },
    scope: JSON_SCOPE,
    read: (source) => (Array.isArray(source) ? undefined : (property(source, name) ?? undefined)),
  }),
};

const scopes = new Map<string, Scope>();

/** The fields of a message by their names in the proto. */
function scopeOf(message: DescMessage): Scope {
  const known = scopes.get(message.typeName);
  if (known !== undefined) return known;
  const fields = new Map<string, Field>();
  const scope: Scope = { names: message.fields.map(({ name }) => name), find: (name) => fields.get(name) };
  // Before its fields are made: a message may hold itself.
  scopes.set(message.typeName, scope);
  for (const field of message.fields) fields.set(field.name, toField(field));
  return scope;
}

function toField(field: DescField): Field {
  const at = (source: unknown) => property(source, field.localName);
  switch (field.fieldKind) {
    case "scalar":
      return toScalarField(at);
    case "enum":
      return toEnumField(field.enum, at);
    case "message":
      return toMessageField(field.message, at);
    case "list": {
      const scope = field.listKind === "message" ? scopeOf(field.message) : JSON_SCOPE;
      return { type: { kind: "list", scope }, read: at };
    }
    default:
      return { type: { kind: "object" }, scope: JSON_SCOPE, read: at };
  }

  function toScalarField(read: (source: unknown) => unknown): Field {
    const { scalar } = field.fieldKind === "scalar" ? field : {};
    // ScalarType: 9 is string, 8 is bool; bytes are in no message that conditions look at.
    if (scalar === 9) return { type: { kind: "text" }, read: (source) => read(source) || undefined };
    if (scalar === 8) return { type: { kind: "boolean" }, read };
    return {
      type: { kind: "number" },
      read: (source) => {
        const value = read(source);
        return typeof value === "bigint" ? Number(value) : value;
      },
    };
  }
}

function toEnumField(desc: DescEnum, read: (source: unknown) => unknown): Field {
  const prefix = desc.sharedPrefix ?? "";
  const short = (name: string) => name.toLowerCase().replace(prefix, "");
  const names = new Map(
    desc.values.filter(({ number }) => number !== 0).map((value) => [value.number, short(value.name)]),
  );
  return {
    type: { kind: "enum", names: [...names.values()] },
    read: (source) => names.get(Number(read(source))),
  };
}

function toMessageField(message: DescMessage, read: (source: unknown) => unknown): Field {
  if (message.typeName === "google.protobuf.Struct") return { type: { kind: "object" }, scope: JSON_SCOPE, read };
  if (message.typeName !== TimestampSchema.typeName) return { type: { kind: "object" }, scope: scopeOf(message), read };
  return {
    type: { kind: "time" },
    read: (source) => {
      const value = read(source);
      return value === undefined ? undefined : timestampMs(value as Timestamp);
    },
  };
}

/** Anything of a profile that conditions may look at. */
export type ProfileFacts = {
  readonly userId?: string;
  readonly timeZone?: string;
  readonly locale?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
};

const text = (name: string): Field => ({
  type: { kind: "text" },
  read: (source) => property(source, name) || undefined,
});

const PROFILE: ReadonlyMap<string, Field> = new Map([
  ["user_id", text("userId")],
  ["time_zone", text("timeZone")],
  ["locale", text("locale")],
  [
    "attributes",
    { type: { kind: "object" }, scope: JSON_SCOPE, read: (source) => property(source, "attributes") } as const,
  ],
]);

const ROOT_SCOPES = {
  prediction: scopeOf(PredictionSchema),
  event: scopeOf(ShopEventSchema),
  context: scopeOf(ContextSchema),
  profile: { names: [...PROFILE.keys()], find: (name: string) => PROFILE.get(name) },
} as const satisfies Readonly<Record<string, Scope>>;

/** What a path may begin with. */
export type Root = keyof typeof ROOT_SCOPES;

const isRoot = (name: string): name is Root => Object.hasOwn(ROOT_SCOPES, name);

/** The outermost scope. */
export const ROOTS: Scope = {
  names: Object.keys(ROOT_SCOPES),
  find: (name) =>
    isRoot(name)
      ? { type: { kind: "object" }, scope: ROOT_SCOPES[name], read: (source) => property(source, name) }
      : undefined,
};

const PATH_CHARACTERS_MAX = 256;
const PATH_PARTS_MAX = 16;

/** Looks a path such as `context.cart_value.minor` up.
 *  @returns the field, or what is wrong with the path. */
export function findField(path: string, scope: Scope): Field | string {
  if (path === "") return "it is empty; a field's path is needed";
  if (path.length > PATH_CHARACTERS_MAX) return `it has more than ${PATH_CHARACTERS_MAX} characters`;
  const parts = path.split(".");
  if (parts.length > PATH_PARTS_MAX) return `it has more than ${PATH_PARTS_MAX} parts`;
  const reads: Field["read"][] = [];
  let here: Scope | undefined = scope;
  let found: Field | undefined;
  for (const [index, part] of parts.entries()) {
    const before = parts.slice(0, index).join(".");
    if (here === undefined) return `${show(before)} has no fields of its own, so there is no ${show(path)}`;
    found = part === "" ? undefined : here.find(part);
    if (found === undefined)
      return `${show(path)} is not a known field; ${before === "" ? "here" : show(before)} is one of ${here.names.join(", ")}`;
    reads.push(found.read);
    here = found.scope;
  }
  if (found === undefined) return `${show(path)} is not a known field`;
  return { ...found, read: (source) => reads.reduce<unknown>((value, read) => read(value), source) };
}

const show = (value: string) => JSON.stringify(value);
