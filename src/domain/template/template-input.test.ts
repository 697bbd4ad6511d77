import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { TemplateContentSchema, VariableType } from "../../../gen/intervention/v1/template_pb.js";
import { TemplateUseSchema } from "../../../gen/intervention/v1/template_use_pb.js";
import { compileTemplate } from "./compile-template.ts";
import { fillTemplate, outlineTemplate, toRoots, toTemplateFields } from "./template-input.ts";

const template = compileTemplate(
  create(TemplateContentSchema, {
    variables: [
      { name: "name", type: VariableType.STRING, from: "profile.attributes.name" },
      { name: "count", type: VariableType.NUMBER, from: "context.item_count", optional: true },
    ],
    variants: [
      { realtime: { title: "Hello <%= it.name %>" }, sms: { text: "Hello" } },
      { locale: "fr", email: { subject: "Bonjour <%= it.name %>", html: "<p>Bonjour</p>" } },
    ],
  }),
);
const use = create(TemplateUseSchema, { template: "hello", version: 2 });
const outline = (locale: string) => outlineTemplate(use, template, { locale, timeZone: "UTC" });
const known = { given: undefined, facts: { now: new Date(0) }, codes: new Map<string, string>() };

describe("what a message is rendered from", () => {
  it("has the channels of the variant in the user's language", () => {
    expect(outline("fr-CA")).toMatchObject({ variant: "fr", channels: [Channel.EMAIL], problem: "" });
    expect(outline("de")).toMatchObject({
      variant: "",
      channels: [Channel.REALTIME, Channel.INBOX, Channel.WEBHOOK, Channel.SMS],
    });
    expect(toTemplateFields(outline("fr-CA"))).toEqual({ template: "hello@2", locale: "fr" });
  });

  it("has a problem when the version is not there", () => {
    expect(outlineTemplate(use, undefined, { locale: "", timeZone: "UTC" }).problem).not.toBe("");
  });

  it("is looked up only where a variable is not given", () => {
    expect(toRoots(template, use)).toEqual(new Set(["profile", "context"]));
    expect(toRoots(template, create(TemplateUseSchema, { variables: { name: "A", count: 1 } }))).toEqual(new Set());
  });

  it("has what it comes to for a socket or the inbox, and not for what is rendered when it is sent", () => {
    const given = { name: "Ada" };
    const shown = fillTemplate(outline(""), template, { ...known, given, channel: Channel.INBOX });
    expect(shown).toMatchObject({ variables: given, content: { title: "Hello Ada" }, problem: "" });
    const sent = fillTemplate(outline("fr"), template, { ...known, given, channel: Channel.EMAIL });
    expect(sent).toMatchObject({ variables: given, problem: "" });
    expect(sent.content).toBeUndefined();
  });

  it("has a problem that names the variable which is missing, on every channel", () => {
    for (const channel of [Channel.REALTIME, Channel.SMS, Channel.EMAIL])
      expect(fillTemplate(outline(""), template, { ...known, channel }).problem).toMatch(
        /^variables\.name: it is missing/,
      );
  });
});
