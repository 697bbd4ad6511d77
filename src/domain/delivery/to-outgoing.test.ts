import { create, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { DeliveryMessageSchema } from "../../../gen/intervention/v1/bus_pb.js";
import { Channel, type ContentSchema } from "../../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel } from "../../../gen/intervention/v1/profile_pb.js";
import { findBestAddress } from "./choose-address.ts";
import { toOutgoingContent } from "./to-outgoing.ts";

type Init = Extract<MessageInitShape<typeof ContentSchema>, { $typeName?: never }>;

const CONTENT: Init = {
  title: "Back in stock",
  body: "The boots.\nIn your size.\n\nWhile they last.",
  actions: [
    { id: "later", label: "Later" },
    { id: "buy", label: "Buy <now>", url: "https://shop.example/boots?a=1&b=2" },
  ],
};
const render = (channel: Channel, content: Init = CONTENT, unsubscribeUrl?: string) =>
  toOutgoingContent(
    create(DeliveryMessageSchema, {
      channel,
      intervention: { interventionId: "iv1", campaign: "spring", recipient: { userId: "ada", locale: "de" }, content },
      products: [{ productId: "p", title: "Boots & co", price: { currency: "EUR", minor: 12_995n } }],
    }),
    { from: "Shop <shop@example.com>", replyTo: "", unsubscribeUrl },
  );

describe("a content as providers take it", () => {
  it("is an email with a subject of one line, text, and HTML in which everything is escaped", () => {
    const email = render(Channel.EMAIL, { ...CONTENT, title: "Back\r\nBcc: x@y.example" });
    expect(email).toMatchObject({ from: "Shop <shop@example.com>", subject: "Back Bcc: x@y.example" });
    if (email.channel !== "email") throw new Error("not an email");
    expect(email).not.toHaveProperty("replyTo");
    expect(email.text).toContain("129,95");
    expect(email.text).toContain("Buy <now>: https://shop.example/boots?a=1&b=2");
    expect(email.html).toContain('<a href="https://shop.example/boots?a=1&amp;b=2">Buy &lt;now&gt;</a>');
    expect(email.html).toContain("<p>The boots.<br>In your size.</p>\n<p>While they last.</p>");
    expect(email.html).toContain("Boots &amp; co");
  });

  it("is an email with a way to unsubscribe where there is one: for mail programs, in the text and in its language in the HTML", () => {
    const url = "https://engage.shop.example/unsubscribe?t=a.b&x=1";
    expect(render(Channel.EMAIL, CONTENT, url)).toMatchObject({
      headers: { "List-Unsubscribe": `<${url}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
      text: expect.stringContaining(`\n${url}`),
      html: expect.stringContaining(
        '<a href="https://engage.shop.example/unsubscribe?t=a.b&amp;x=1" lang="de">Abmelden</a>',
      ),
    });
    const without = render(Channel.EMAIL);
    expect(without).toMatchObject({ headers: {} });
    expect(JSON.stringify(without)).not.toMatch(/unsubscribe/i);
  });

  it("is an SMS of title, body and the first link", () => {
    expect(render(Channel.SMS)).toEqual({
      channel: "sms",
      from: "Shop <shop@example.com>",
      text: `Back in stock\n${CONTENT.body}\nhttps://shop.example/boots?a=1&b=2`,
    });
  });

  it("is a push that leads to the first link and says which intervention it is", () => {
    expect(render(Channel.PUSH)).toMatchObject({
      title: "Back in stock",
      url: "https://shop.example/boots?a=1&b=2",
      data: { intervention_id: "iv1", campaign: "spring" },
      actions: [{ id: "later", label: "Later" }, { id: "buy" }],
    });
  });

  it("is a webhook of JSON", () => {
    const webhook = render(Channel.WEBHOOK);
    if (webhook.channel !== "webhook") throw new Error("not a webhook");
    expect(JSON.parse(webhook.body)).toMatchObject({
      ...{ intervention_id: "iv1", user_id: "ada", campaign: "spring" },
      content: { title: "Back in stock" },
    });
  });

  it("puts nothing of a content into the HTML as markup", () => {
    const hostile = fc.string({ unit: fc.constantFrom("<", ">", '"', "'", "&", "a", "\n", "script", "javascript:") });
    const bare = (html: string) => html.replaceAll(/&(amp|lt|gt|quot|#39);/g, "").match(/<[^>]*>/g);
    fc.assert(
      fc.property(hostile, hostile, hostile, (title, body, url) => {
        const email = render(Channel.EMAIL, { title, body, imageUrl: url, actions: [{ id: "a", label: body, url }] });
        if (email.channel !== "email") throw new Error("not an email");
        for (const tag of bare(email.html) ?? [])
          expect(tag).toMatch(
            /^<(!doctype html|\/?(html|head|title|body|h1|p|a|br)|html lang="de"|meta charset="utf-8"|(body|h1) style="[^"]*")>$/,
          );
      }),
    );
  });
});

describe("the address of a channel", () => {
  const one = (address: string, verified: boolean, primary: boolean, channel = ContactChannel.EMAIL) => ({
    ...{ address, verified, primary, channel },
  });
  test.each([
    ["none of another channel", [one("+49", true, true, ContactChannel.SMS)], undefined],
    ["the only one", [one("a", false, false)], "a"],
    ["the verified before the first choice", [one("a", false, true), one("b", true, false)], "b"],
    ["the first choice among the verified", [one("a", true, false), one("b", true, true)], "b"],
    ["the first of equals", [one("a", true, false), one("b", true, false)], "a"],
  ])("is %s", (_, addresses, best) => expect(findBestAddress(addresses, ContactChannel.EMAIL)?.address).toBe(best));
});
