import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { InterventionMessageSchema } from "../../../gen/intervention/v1/bus_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { TemplateInputSchema } from "../../../gen/intervention/v1/template_input_pb.js";
import { toCostTimes } from "./message-cost.ts";

type Message = MessageInitShape<typeof InterventionMessageSchema>;
const { EMAIL, SMS } = Channel;
const rendered = { content: { title: "" }, template: { template: "t" } };
const input = (smsSegments: number) => create(TemplateInputSchema, { template: "t", smsSegments });

test.each([
  ["an email", EMAIL, { content: { title: "a".repeat(200) } }, undefined, 1],
  ["an SMS of one segment", SMS, { content: { title: "a", body: "b" } }, undefined, 1],
  [
    "an SMS of a title and a body in two segments",
    SMS,
    { content: { title: "a", body: "b".repeat(160) } },
    undefined,
    2,
  ],
  ["an SMS in another alphabet", SMS, { content: { title: "ж".repeat(140) } }, undefined, 3],
  [
    "an SMS with a link",
    SMS,
    { content: { title: "a", actions: [{ id: "a", label: "a", url: `https://x.example/${"a".repeat(150)}` }] } },
    undefined,
    2,
  ],
  ["an SMS of a template before it is rendered", SMS, rendered, input(0), 1],
  ["an SMS of a template", SMS, rendered, input(3), 3],
  ["an email of a template whose SMS was too dear", EMAIL, rendered, input(3), 1],
  ["a test of a template's SMS", SMS, { rendered: { sms: { text: "x", segments: 4 } } }, undefined, 4],
] as const)("%s costs as often as it has segments", (_, channel, message, template, times) => {
  expect(toCostTimes(channel, create(InterventionMessageSchema, message as Message), template)).toBe(times);
});
