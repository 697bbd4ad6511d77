import { create } from "@bufbuild/protobuf";
import { Eta } from "eta";
import { Liquid } from "liquidjs";
import { TemplateContentSchema, VariableType } from "../gen/intervention/v1/template_pb.js";
import { compileTemplate, renderTemplate } from "../src/domain/template/index.ts";

export type TemplatesBench = {
  readonly rounds: number;
  /** Of each turn. */
  readonly seconds: number;
  readonly say: (line: string) => void;
};

type Item = { readonly title: string; readonly price: { readonly currency: string; readonly minor: number } };
type Data = { readonly name: string; readonly items: readonly Item[] };

const data: Data = {
  name: "Ada <b> & Co",
  items: Array.from({ length: 10 }, (_, index) => ({
    title: `Product ${index} & more`,
    price: { currency: "EUR", minor: 1_999 + index },
  })),
};
const euros = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });
const toMoney = ({ minor }: Item["price"]) => euros.format(minor / 100);

/** The same template in the words of each: a name, a condition, ten rows with a price each, everything escaped. */
const page = (name: string, begin: string, row: string, end: string) =>
  `<h1>Hello ${name}</h1>\n<table>${begin}${row}${end}</table>\n<p>Prices may change.</p>`;
const row = (title: string, price: string) => `<tr><td>${title}</td><td>${price}</td></tr>`;
const ownSource = page(
  "<%= it.name %>",
  "<% if (it.items) { %><% for (const item of it.items) { %>",
  row("<%= item.title %>", "<%= item.price | money %>"),
  "<% } %><% } %>",
);
const etaSource = page(
  "<%= it.name %>",
  "<% if (it.items.length > 0) { %><% for (const item of it.items) { %>",
  row("<%= item.title %>", "<%= it.money(item.price) %>"),
  "<% } %><% } %>",
);
const liquidSource = page(
  "{{ name | escape }}",
  "{% if items.size > 0 %}{% for item in items %}",
  row("{{ item.title | escape }}", "{{ item.price | money | escape }}"),
  "{% endfor %}{% endif %}",
);

/** Renders the same template with the same data by ours, by plain Eta and by LiquidJS, in turn so that what else the machine does falls on
 *  all alike. Ours also checks the variables against their schema, and counts what it does.
 *  @throws when they don't come to the same. */
export function benchTemplates({ rounds, seconds, say }: TemplatesBench) {
  const contestants = { ours: toOurs(), eta: toEta(), liquid: toLiquid() };
  const [first, ...others] = Object.values(contestants).map((render) => render());
  if (first === undefined || others.some((other) => other !== first))
    throw new Error(`they come to different texts:\n${[first, ...others].join("\n\n")}`);
  const rates: Record<keyof typeof contestants, number[]> = { ours: [], eta: [], liquid: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const turn = { ours: 0, eta: 0, liquid: 0 };
    for (const name of ["ours", "eta", "liquid"] as const) {
      turn[name] = measure(contestants[name], seconds);
      // The first round warms up.
      if (round > 0) rates[name].push(turn[name]);
    }
    say(`round ${round}: ${JSON.stringify(turn)} renders/s`);
  }
  const [ours, eta, liquid] = [median(rates.ours), median(rates.eta), median(rates.liquid)];
  return {
    ...{ rounds, bytes: first.length, ours_per_s: ours, eta_per_s: eta, liquid_per_s: liquid },
    ours_to_eta: ratio(ours, eta),
    ours_to_liquid: ratio(ours, liquid),
  };
}

function toOurs(): () => string {
  const money = { name: "price", type: VariableType.MONEY };
  const element = { type: VariableType.OBJECT, fields: [{ name: "title", type: VariableType.STRING }, money] };
  const template = compileTemplate(
    create(TemplateContentSchema, {
      variables: [
        { name: "name", type: VariableType.STRING },
        { name: "items", type: VariableType.LIST, element },
      ],
      // A text part of its own: the others make none of the HTML either.
      variants: [{ email: { subject: "-", html: ownSource, text: "-" } }],
    }),
  );
  const parts = new Set(["email"] as const);
  return () => renderTemplate(template, { variables: data, locale: "en", timeZone: "UTC", parts }).email?.html ?? "";
}

function toEta(): () => string {
  const eta = new Eta({ autoEscape: true, autoTrim: false });
  const template = eta.compile(etaSource);
  const it = { ...data, money: toMoney };
  return () => template.call(eta, it);
}

function toLiquid(): () => string {
  const liquid = new Liquid();
  liquid.registerFilter("money", toMoney);
  const template = liquid.parse(liquidSource);
  return () => String(liquid.renderSync(template, data));
}

/** @returns renders a second. */
function measure(render: () => string, seconds: number): number {
  const start = performance.now();
  let count = 0;
  let ms = 0;
  while (ms < seconds * 1_000) {
    for (let turn = 0; turn < 20; turn += 1) render();
    count += 20;
    ms = performance.now() - start;
  }
  return Math.round((count / ms) * 1_000);
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const ratio = (one: number, other: number) => Number((one / other).toFixed(2));
