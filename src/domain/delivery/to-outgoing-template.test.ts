import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DeliveryMessageSchema } from "../../../gen/intervention/v1/bus_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { TemplateContentSchema, VariableType } from "../../../gen/intervention/v1/template_pb.js";
import { compileTemplate } from "../template/index.ts";
import { toOutgoingTemplate } from "./to-outgoing-template.ts";

const URL = "https://engine.example/unsubscribe?t=a&u=b";
const sender = { from: "shop@example.com", replyTo: "" };
const toEmail = (html: string, unsubscribeUrl: string | undefined, variables = {}, variant = "") =>
  toOutgoingTemplate(
    create(DeliveryMessageSchema, {
      channel: Channel.EMAIL,
      template: { template: "t", version: 1, variables, variant },
    }),
    compileTemplate(
      create(TemplateContentSchema, {
        variables: [
          { name: "out", type: VariableType.URL, optional: true, from: "delivery.unsubscribe_url" },
          { name: "name", type: VariableType.STRING, optional: true },
        ],
        variants: [{ email: { subject: "Hi", html } }],
      }),
    ),
    { ...sender, ...(unsubscribeUrl === undefined ? {} : { unsubscribeUrl }) },
  );
const own = '<body><% if (it.out) { %><a href="<%= it.out %>">No more</a><% } %></body>';
const plain = "<body><p>Hi</p></body>";

describe("a marketing email of a template", () => {
  it("has its own way out of it where it shows one, once, and header fields for mail programs", () => {
    const email = toEmail(own, URL);
    expect(email).toMatchObject({
      html: '<body><a href="https://engine.example/unsubscribe?t=a&amp;u=b">No more</a></body>',
      text: `No more (${URL})`,
      headers: { "List-Unsubscribe": `<${URL}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
    });
  });

  it("has the engine's where it shows none", () => {
    expect(toEmail(plain, URL)).toMatchObject({
      html: expect.stringMatching(
        /<p>Hi<\/p><p [^>]+><a href="[^"]+t=a&amp;u=b" lang="en">Unsubscribe<\/a><\/p><\/body>$/,
      ),
      text: `Hi\n\n${URL}`,
    });
  });

  it("has it in the language of the variant", () => {
    expect(toEmail(plain, URL, {}, "fr-CA")).toMatchObject({
      html: expect.stringContaining('lang="fr">Se désabonner<'),
    });
    expect(toEmail(plain, URL, {}, "ja")).toMatchObject({ html: expect.stringContaining('lang="en">Unsubscribe<') });
  });

  it("has none where there is none to have, as in a service message", () => {
    expect(toEmail(own, undefined)).toMatchObject({ html: "<body></body>", headers: {} });
    expect(toEmail(plain, undefined)).toMatchObject({ html: plain, text: "Hi" });
  });
});
