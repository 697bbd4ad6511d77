import { toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { type TemplateVariable, VariableType } from "../../../gen/intervention/v1/template_pb.js";
import { compileCondition } from "../condition/compile-condition.ts";
import { findField, ROOTS } from "../condition/field.ts";
import { type FieldViolation, InvalidInput } from "../errors.ts";
import { UNSUBSCRIBE_FROM } from "./delivery-variables.ts";
import { FORBIDDEN_NAMES } from "./parse-expression.ts";
import { LINKS_FROM } from "./template-links.ts";
import { quote } from "./template-problem.ts";
import { CATALOG_FROM } from "./template-products.ts";
import { toValueSchema } from "./value-schema.ts";

const VARIABLE_NAME = /^[a-z][a-z0-9_]{0,39}$/;
/** A digest is the deepest there is: the price of an item of an event of its items is seven deep. */
const DEPTH_MAX = 8;
const VARIABLES_MAX = 100;
const FIELDS_MAX = 50;
const VALUES_MAX = 100;
const VALUE_CHARACTERS_MAX = 100;
const ALL_MAX = 300;
const POOL_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** The name under which a layout has what lies in it. */
const BODY = "body";

/** The longest that may be asked for. */
const LENGTH_MAX: ReadonlyMap<VariableType, number> = new Map([
  [VariableType.STRING, 10_000],
  [VariableType.HTML, 100_000],
  [VariableType.URL, 2_048],
  [VariableType.LIST, 500],
]);

/** Says what is wrong with the variables that a template declares.
 *  @param path of the list, such as `template.draft.variables`. */
export function checkVariables(variables: readonly TemplateVariable[], path: string): FieldViolation[] {
  const violations: FieldViolation[] = [];
  let count = 0;
  const say = (field: string, description: string) => void violations.push({ field, description });
  checkAll(variables, path, { max: VARIABLES_MAX, depth: 1 });
  if (count > ALL_MAX) say(path, `there are ${count} with all fields; up to ${ALL_MAX} are allowed`);
  return violations;

  function checkAll(
    these: readonly TemplateVariable[],
    at: string,
    { max, depth }: { readonly max: number; readonly depth: number },
  ): void {
    if (these.length > max) say(at, `there are ${these.length}; up to ${max} are allowed`);
    const names = new Set<string>();
    for (const [index, variable] of these.slice(0, max).entries()) {
      const { name } = variable;
      const field = `${at}[${index}]`;
      if (!VARIABLE_NAME.test(name) || FORBIDDEN_NAMES.has(name))
        say(`${field}.name`, `${quote(name)} is not 1 to 40 of a-z, 0-9 and _, beginning with a letter`);
      else if (depth === 1 && name === BODY) say(`${field}.name`, `"${BODY}" is what layouts call what lies in them`);
      if (names.has(name)) say(`${field}.name`, `${quote(name)} is there twice`);
      names.add(name);
      checkOne(variable, field, depth);
    }
  }

  function checkOne(variable: TemplateVariable, field: string, depth: number): void {
    const { type, values, fields, element, lengthMax } = variable;
    count += 1;
    if (VariableType[type] === undefined || type === VariableType.UNSPECIFIED) {
      say(`${field}.type`, `${type} is not a type of variables`);
      return;
    }
    if (depth > DEPTH_MAX) {
      say(field, `it is more than ${DEPTH_MAX} deep`);
      return;
    }
    const longest = LENGTH_MAX.get(type) ?? 0;
    if (lengthMax < 0 || lengthMax > longest)
      say(
        `${field}.length_max`,
        longest === 0 ? "only texts and lists have one" : `${lengthMax} is not in 1-${longest}`,
      );
    if (type === VariableType.ENUM) checkValues(values, `${field}.values`);
    else if (values.length > 0) say(`${field}.values`, "only ENUM has them");
    if (type === VariableType.OBJECT) {
      if (fields.length === 0) say(`${field}.fields`, "there are none; 1 to 50 are needed");
      checkAll(fields, `${field}.fields`, { max: FIELDS_MAX, depth: depth + 1 });
    } else if (fields.length > 0) say(`${field}.fields`, "only OBJECT has them");
    if (type === VariableType.LIST) {
      if (element === undefined) say(`${field}.element`, "it is missing; it says what the list is of");
      else if (element.name !== "") say(`${field}.element.name`, "elements have no name");
      else checkOne(element, `${field}.element`, depth + 1);
    } else if (element !== undefined) say(`${field}.element`, "only LIST has one");
    checkDefault(variable, field);
    checkOrigin(variable, field, depth);
  }

  function checkValues(values: readonly string[], field: string): void {
    if (values.length === 0 || values.length > VALUES_MAX)
      say(field, `there are ${values.length}; 1 to ${VALUES_MAX} are needed`);
    for (const [index, value] of values.slice(0, VALUES_MAX).entries())
      if (value === "" || value.length > VALUE_CHARACTERS_MAX)
        say(`${field}[${index}]`, `${quote(value)} does not have 1 to ${VALUE_CHARACTERS_MAX} characters`);
  }

  function checkDefault(variable: TemplateVariable, field: string): void {
    const { defaultValue, type } = variable;
    if (defaultValue === undefined) return;
    if (type === VariableType.LIST || type === VariableType.OBJECT || type === VariableType.HTML) {
      say(`${field}.default_value`, "lists, objects and html have none");
      return;
    }
    const parsed = toValueSchema(variable).safeParse(toJson(ValueSchema, defaultValue));
    if (!parsed.success) say(`${field}.default_value`, parsed.error.issues.map(({ message }) => message).join("; "));
  }

  function checkOrigin(
    { from, condition, codePool, type, optional }: TemplateVariable,
    field: string,
    depth: number,
  ): void {
    const given = [from !== "", condition !== undefined, codePool !== ""].filter(Boolean).length;
    if (given === 0) return;
    if (given > 1) say(field, "from, condition and code_pool exclude one another");
    if (depth > 1) say(field, "only variables that stand alone have from, condition or code_pool");
    if (from === UNSUBSCRIBE_FROM) {
      if (type !== VariableType.URL || !optional)
        say(`${field}.from`, `${UNSUBSCRIBE_FROM} is for an optional URL: not every message has it`);
    } else if (from !== "" && !CATALOG_FROM.has(from) && !LINKS_FROM.has(from)) {
      const found = findField(from, ROOTS);
      if (typeof found === "string") say(`${field}.from`, found);
    }
    if (condition !== undefined) {
      if (type !== VariableType.BOOLEAN) say(`${field}.condition`, "only BOOLEAN has one");
      try {
        compileCondition(condition, `${field}.condition`);
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        violations.push(...error.violations);
      }
    }
    if (codePool !== "" && (type !== VariableType.STRING || !POOL_ID.test(codePool)))
      say(
        `${field}.code_pool`,
        type === VariableType.STRING ? `${quote(codePool)} is no pool's id` : "only STRING has one",
      );
  }
}
