import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { CatalogService } from "../../gen/intervention/v1/catalog_service_pb.js";
import { DecisionSchema, Outcome, Rule } from "../../gen/intervention/v1/decision_pb.js";
import { type Event, EventBatchSchema, EventKind } from "../../gen/intervention/v1/event_pb.js";
import { EventService } from "../../gen/intervention/v1/event_service_pb.js";
import { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { Channel, Presentation_Kind, State } from "../../gen/intervention/v1/intervention_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { PredictionService } from "../../gen/intervention/v1/prediction_service_pb.js";
import { ConsentStatus, ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { ProfileService } from "../../gen/intervention/v1/profile_service_pb.js";
import type { InterventionFrame } from "../../gen/intervention/v1/realtime_pb.js";
import { MoneySchema, PredictionKind, ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import { TemplateContentSchema, VariableType } from "../../gen/intervention/v1/template_pb.js";
import { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { TopicKind, TopicService } from "../../gen/intervention/v1/topic_service_pb.js";
import { EventPublisher, PresenceAnnouncer } from "../bus/index.ts";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { decide } from "../domain/decision/decide.ts";
import { compileTemplate, renderTemplate } from "../domain/template/index.ts";
import { sweepSends } from "../roles/sweep-sends.ts";
import { startDelivering } from "../roles/testing/start-delivering.ts";
import { decisionId, findDecisionOutlines } from "../store/index.ts";
import { bearer } from "../testing/bearer.ts";
import { until } from "../testing/until.ts";

const UNSUBSCRIBE = "https://shop.example/unsubscribe?a=1&b=2";
const CART = {
  variables: [
    { name: "first_name", type: VariableType.STRING, from: "profile.attributes.first_name" },
    {
      name: "items",
      type: VariableType.LIST,
      from: "context.items",
      element: {
        type: VariableType.OBJECT,
        fields: [
          { name: "product_id", type: VariableType.STRING },
          { name: "unit_price", type: VariableType.MONEY },
        ],
      },
    },
    { name: "until", type: VariableType.TIME },
  ],
  variants: [
    {
      realtime: { title: "Hello <%= it.first_name %>", body: "<%= it.items | count %> in your cart" },
      email: {
        subject: "Your cart, <%= it.first_name %>",
        html: "<html><body><% for (const item of it.items) { %><p><%= item.product_id %> <%= item.unit_price | money %></p><% } %><p>Until <%= it.until | time %></p></body></html>",
      },
    },
    {
      locale: "de",
      email: {
        subject: "Dein Warenkorb, <%= it.first_name %>",
        html: "<html><body><% for (const item of it.items) { %><p><%= item.product_id %> <%= item.unit_price | money %></p><% } %><p>Bis <%= it.until | time %></p></body></html>",
      },
    },
  ],
};

describe("messages that a template says", () => {
  const fake = new FakeProvider("fake");
  const texts = new FakeProvider("texts", "sms");
  let engine: Awaited<ReturnType<typeof startDelivering>>;
  let worker: AsyncDisposable;
  let presence: PresenceAnnouncer;
  let transport: ReturnType<typeof createGrpcTransport>;
  const frames: InterventionFrame[] = [];
  const events: Event[] = [];
  const client = <T extends Parameters<typeof createClient>[0]>(service: T) => createClient(service, transport);
  const trigger = (userId: string, changes: object = {}) =>
    client(InterventionService).trigger({
      recipient: { userId },
      template: { template: "cart", variables: { until: "2026-03-01T18:00:00Z" } },
      ...changes,
    });
  const explain = (name: string) => client(InterventionService).explain({ name });
  const decided = (name: string) =>
    until(async () => {
      const { decisions } = await explain(name);
      return decisions.length > 0 ? decisions : undefined;
    }, "decided");

  beforeAll(async () => {
    engine = await startDelivering([fake, texts]);
    const { bus, container, services } = engine;
    await engine.addAccount(fake);
    await engine.addAccount(texts, { cost: { currency: "EUR", micros: 50_000 } });
    presence = new PresenceAnnouncer(bus, "g1");
    presence.add("main", "live");
    bus.nc.subscribe(bus.subjects.all.live, {
      callback: (_, { data }) => {
        const { message } = fromBinary(RealtimeMessageSchema, data);
        if (message.case === "intervention") frames.push(message.value);
      },
    });
    bus.nc.subscribe(bus.subjects.all.track, {
      callback: (_, { data }) => void events.push(...fromBinary(EventBatchSchema, data).events),
    });
    const { server } = await container.get(services.api);
    transport = createGrpcTransport({
      baseUrl: `http://127.0.0.1:${server.port}`,
      interceptors: [bearer(engine.apiKey)],
    });
    await engine.startDecide();
    await container.get(services.intake);
    await container.get(services.schedule);
    worker = await engine.startWorker({ toUnsubscribeUrl: () => UNSUBSCRIBE });
    const templates = client(TemplateService);
    await templates.createTemplate({ templateId: "cart", displayName: "Cart", draft: CART });
    await templates.publishTemplate({ name: "cart" });
    for (const [userId, locale, timeZone] of [
      ["live", "en", "Europe/London"],
      ["heidi", "de-AT", "Europe/Vienna"],
    ] as const) {
      await client(ProfileService).upsert({
        profile: {
          ...{ userId, locale, timeZone, attributes: { first_name: userId === "live" ? "Ada" : "Heidi" } },
          addresses: [{ channel: ContactChannel.EMAIL, address: `${userId}@example.com` }],
        },
      });
      await client(EventService).ingest({
        event: {
          ...{
            eventId: `cart-${userId}`,
            userId,
            kind: ShopEventKind.ITEM_ADDED,
            occurTime: { seconds: BigInt(Math.floor(Date.now() / 1_000)) },
          },
          item: {
            productId: "Shoe",
            quantity: 1,
            unitPrice: create(MoneySchema, { currency: "EUR", minor: 123_450n }),
          },
        },
      });
      await until(async () => {
        const { context } = await client(EventService).getContext({ userId });
        return context?.items.length === 1;
      }, "the cart is known");
    }
  });
  afterAll(async () => {
    presence?.stop();
    await worker?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  it("reach a live socket, with what is known of the user, and what was recorded decides and renders the same again", async () => {
    const { name, interventionId } = await trigger("live");
    const frame = await until(() => frames.find((one) => one.interventionId === interventionId), "shown");
    expect(frame.content).toMatchObject({ title: "Hello Ada", body: "1 in your cart" });
    const [first] = await decided(name);
    expect(first).toMatchObject({
      replayMatches: true,
      input: {
        template: {
          template: "cart",
          version: 1,
          variant: "",
          content: { title: "Hello Ada" },
          timeZone: "Europe/London",
        },
      },
    });
    expect(first?.decision?.verdicts.map(({ rule }) => rule)).toContain(Rule.TEMPLATE);
    const again = first?.input === undefined ? undefined : decide(first.input);
    expect(again && toBinary(DecisionSchema, again)).toEqual(
      first?.decision && toBinary(DecisionSchema, first.decision),
    );
    const { version } = await client(TemplateService).getTemplateVersion({ name: "cart", version: 1 });
    const recorded = first?.input?.template;
    const rendered = renderTemplate(compileTemplate(version?.compiled ?? create(TemplateContentSchema)), {
      ...{ variables: recorded?.variables ?? {}, locale: recorded?.locale ?? "", timeZone: recorded?.timeZone ?? "" },
    });
    expect(rendered.realtime).toEqual(recorded?.content);
    const isSent = (one: Event) => one.interventionId === interventionId && one.kind === EventKind.SENT;
    expect(await until(() => events.find(isSent), "told")).toMatchObject({ template: "cart@1", locale: "" });
  });

  it("go to the inbox as they were rendered when no device has acknowledged them", async () => {
    const { bus, store, metrics, workspace } = engine;
    const { name, interventionId } = await trigger("live");
    await decided(name);
    const events = new EventPublisher(bus);
    const log = pino({ level: "silent" });
    const walk = { bus, store, events, metrics, log, undeliveredAfterMs: 0, undecidedAfterMs: 0 };
    const sends = await findDecisionOutlines(store, [decisionId(interventionId, 0)]);
    await sweepSends(walk, { workspaceId: workspace, sends, now: new Date() });
    const { items } = await client(InboxService).list({ userId: "live" });
    expect(items.find((item) => item.interventionId === interventionId)).toMatchObject({
      content: { title: "Hello Ada", body: "1 in your cart" },
    });
  });

  it("reach the inbox of a user who is away", async () => {
    await client(ProfileService).upsert({ profile: { userId: "away", attributes: { first_name: "Grace" } } });
    const variables = { until: "2026-03-01T18:00:00Z", items: [] };
    await trigger("away", { template: { template: "cart", variables } });
    const items = await until(async () => {
      const list = await client(InboxService).list({ userId: "away" });
      return list.items.length > 0 ? list.items : undefined;
    }, "inboxed");
    expect(items).toMatchObject([{ content: { title: "Hello Grace", body: "0 in your cart" } }]);
  });

  it("go by email in the user's language, with money and time as they are written there", async () => {
    const { name, interventionId } = await trigger("heidi", {
      policy: { channels: [Channel.EMAIL], purpose: Purpose.SERVICE },
    });
    await engine.reached(interventionId, State.SENT);
    const sent = fake.sent.find(({ deliveryId }) => deliveryId === `${interventionId}:email`);
    expect(sent?.content).toMatchObject({
      subject: "Dein Warenkorb, Heidi",
      html: expect.stringMatching(/<p>Shoe €\s1\.234,50<\/p><p>Bis 19:00<\/p>/u),
      text: expect.stringContaining("Bis 19:00"),
    });
    expect((await decided(name))[0]).toMatchObject({ replayMatches: true, input: { template: { variant: "de" } } });
    const isSent = (one: Event) => one.interventionId === interventionId && one.kind === EventKind.SENT;
    expect(await until(() => events.find(isSent), "told")).toMatchObject({ template: "cart@1", locale: "de" });
  });

  it("pass over a channel that the template has no part for, and say so", async () => {
    // The German variant has an email only.
    const { name } = await trigger("heidi", { policy: { channels: [Channel.INBOX], purpose: Purpose.SERVICE } });
    const [first] = await decided(name);
    expect(first?.decision?.outcome).toBe(Outcome.SUPPRESS);
    expect(first?.decision?.verdicts.at(-1)).toMatchObject({
      rule: Rule.CHANNEL,
      reason: expect.stringContaining("inbox (the template has no part for it)"),
    });
  });

  it("are not sent when a variable is missing, and the reason names it", async () => {
    const { name } = await trigger("nobody");
    const [first] = await decided(name);
    expect(first?.decision?.outcome).toBe(Outcome.SUPPRESS);
    expect(first?.replayMatches).toBe(true);
    expect(first?.decision?.verdicts.at(-1)).toMatchObject({
      rule: Rule.TEMPLATE,
      reason: expect.stringContaining("variables.first_name: it is missing"),
    });
  });

  it("stay at the version that was in use when they were accepted, and a repeated call is still the same", async () => {
    const templates = client(TemplateService);
    const draft = (title: string) => ({ variants: [{ realtime: { title } }] });
    await templates.createTemplate({ templateId: "pinned", displayName: "Pinned", draft: draft("One") });
    await templates.publishTemplate({ name: "pinned" });
    const call = { idempotencyKey: "pinned", template: { template: "pinned" } };
    const first = await trigger("live", call);
    await templates.updateDraft({ name: "pinned", draft: draft("Two") });
    await templates.publishTemplate({ name: "pinned" });
    expect(await trigger("live", call)).toMatchObject({ interventionId: first.interventionId, duplicate: true });
    const { intervention } = await client(InterventionService).get({ name: first.name });
    expect(intervention?.template).toMatchObject({ template: "pinned", version: 1 });
  });

  it("are refused when there is no such template, or it was never published, or there is content too", async () => {
    await client(TemplateService).createTemplate({ templateId: "unpublished", displayName: "U" });
    const refused = (changes: object) => expect(trigger("live", changes)).rejects;
    await refused({ template: { template: "nowhere" } }).toThrow(/template\.template: "nowhere" is not there/);
    await refused({ template: { template: "unpublished" } }).toThrow(/template\.template: .*was never published/);
    await refused({ template: { template: "cart", version: 9 } }).toThrow(/template\.version: .*no version 9/);
    await refused({ content: { title: "Both" } }).toThrow(/content: there is a template too/);
    const { results } = await client(InterventionService).triggerBatch({
      requests: [
        { recipient: { userId: "live" }, template: { template: "nowhere" } },
        { recipient: { userId: "live" }, content: { title: "Plain" } },
      ],
    });
    expect(results.map(({ result }) => result.case)).toEqual(["error", "response"]);
  });

  it("are what campaigns and rules of topics send, in the version that was pinned when they were saved", async () => {
    const templates = client(TemplateService);
    const draft = {
      variables: [
        {
          name: "title",
          type: VariableType.STRING,
          defaultValue: { kind: { case: "stringValue" as const, value: "-" } },
        },
        { name: "kind", type: VariableType.STRING, from: "event.kind", optional: true },
      ],
      variants: [{ realtime: { title: "News: <%= it.title %><%= it.kind %>" } }],
    };
    await templates.createTemplate({ templateId: "news", displayName: "News", draft });
    await templates.publishTemplate({ name: "news" });
    const { campaign } = await client(CampaignService).create({
      campaignId: "news",
      campaign: {
        displayName: "News",
        state: CampaignState.RUNNING,
        trigger: { on: { case: "event", value: ShopEventKind.ITEM_REMOVED } },
        template: { template: "news" },
      },
    });
    expect(campaign?.template?.version).toBe(1);
    await client(EventService).ingest({
      event: {
        ...{ eventId: "removed", userId: "live", kind: ShopEventKind.ITEM_REMOVED },
        occurTime: { seconds: BigInt(Math.floor(Date.now() / 1_000)) },
        item: {
          productId: "Shoe",
          quantity: 1,
          unitPrice: create(MoneySchema, { currency: "EUR", minor: 1n }),
        },
      },
    });
    const ofCampaign = await until(() => frames.find((one) => one.campaign === "news"), "the campaign's is shown");
    expect(ofCampaign.content?.title).toBe("News: -SHOP_EVENT_KIND_ITEM_REMOVED");
    await client(TopicService).setTopicRule({
      rule: { kind: TopicKind.BACK_IN_STOCK, campaign: "topic", template: { template: "news" } },
    });
    await client(TopicService).subscribe({ userId: "live", topic: "product:s1:back_in_stock" });
    for (const [seconds, stock] of [
      [1_000n, 0],
      [2_000n, 5],
    ] as const)
      await client(CatalogService).upsert({
        product: {
          productId: "s1",
          title: "Boot",
          price: create(MoneySchema, { currency: "EUR", minor: 1n }),
          stock,
          updateTime: { seconds },
        },
      });
    const ofTopic = await until(() => frames.find((one) => one.campaign === "topic"), "the topic's is shown");
    expect(ofTopic).toMatchObject({
      content: { title: "News: Boot", productIds: ["s1"] },
      products: [{ productId: "s1" }],
    });
  });

  it("name products of the cart, and those that a prediction recommends, as the catalogue has them", async () => {
    const templates = client(TemplateService);
    const products = (name: string, from: string) => ({
      ...{ name, type: VariableType.LIST, from },
      element: {
        type: VariableType.OBJECT,
        fields: [
          { name: "title", type: VariableType.STRING },
          { name: "price", type: VariableType.MONEY },
        ],
      },
    });
    const list = (name: string) =>
      `<% for (const product of it.${name}) { %><%= product.title %> <%= product.price | money %>;<% } %>`;
    await templates.createTemplate({
      templateId: "products",
      displayName: "Products",
      draft: {
        variables: [products("cart", "catalog.cart"), products("recommended", "catalog.recommended")],
        variants: [{ realtime: { title: `${list("cart")} / ${list("recommended")}` } }],
      },
    });
    await templates.publishTemplate({ name: "products" });
    for (const [productId, title, stock] of [
      ["Shoe", "Running shoe", 3],
      ["sock", "Sock", 3],
      ["gone", "Gone", 0],
    ] as const)
      await client(CatalogService).upsert({
        product: {
          ...{ productId, title, stock, updateTime: { seconds: 1_000n } },
          price: create(MoneySchema, { currency: "EUR", minor: 500n }),
        },
      });
    await client(PredictionService).ingest({
      prediction: {
        ...{ predictionId: "next", userId: "heidi", kind: PredictionKind.NEXT_BEST_PRODUCT, score: 0.9 },
        ...{ model: "m", modelVersion: "1", productId: "sock", features: { product_ids: ["gone", "nowhere"] } },
        predictTime: { seconds: BigInt(Math.floor(Date.now() / 1_000)) },
      },
    });
    const { name } = await trigger("heidi", {
      template: { template: "products" },
      recipient: { userId: "heidi", locale: "en" },
      policy: { channels: [Channel.INBOX] },
    });
    const [first] = await decided(name);
    expect(first?.decision?.verdicts.at(-1)?.reason).toContain("the default variant");
    expect(first?.input?.template?.content?.title).toBe("Running shoe €5.00; / Sock €5.00;");
  });

  it("are sent as a test to one address, a draft too, for nobody's caps, and draw no code", async () => {
    const templates = client(TemplateService);
    await templates.addCodes({ pool: "tested", codes: ["REAL"] });
    await templates.createTemplate({
      templateId: "tested",
      displayName: "Tested",
      draft: {
        variables: [
          { name: "code", type: VariableType.STRING, codePool: "tested" },
          { name: "name", type: VariableType.STRING, from: "profile.attributes.first_name" },
        ],
        variants: [{ email: { subject: "<%= it.name %>: <%= it.code %>", html: "<p>Draft</p>" } }],
      },
    });
    const test = { name: "tested", userId: "heidi", channel: Channel.EMAIL, address: "author@shop.example" };
    const { intervention } = await templates.sendTest(test);
    const sent = await until(() => fake.sent.find(({ to }) => to === "author@shop.example"), "sent");
    expect(sent.content).toMatchObject({ subject: "Heidi: EXAMPLE-CODE", html: "<p>Draft</p>", headers: {} });
    const [first] = await decided(intervention);
    expect(first).toMatchObject({ replayMatches: true, input: { recipient: { userId: "template-test" } } });
    expect((await explain(intervention)).intervention).toMatchObject({ campaign: "template-test" });
    expect((await templates.getCodePool({ pool: "tested" })).pool).toMatchObject({ drawn: 0 });
    await expect(templates.sendTest({ ...test, channel: Channel.SMS, address: "+4915112345678" })).rejects.toThrow(
      /channel: the template has no part for sms/,
    );
  });

  it("have a code of their own from a pool, say what a condition asks for, and stop when the pool is empty", async () => {
    const templates = client(TemplateService);
    await templates.addCodes({ pool: "two", codes: ["ONE", "TWO"] });
    const draft = {
      variables: [
        { name: "code", type: VariableType.STRING, codePool: "two" },
        {
          name: "has_shoe",
          type: VariableType.BOOLEAN,
          condition: { test: { case: "exists" as const, value: "context.items" } },
        },
      ],
      variants: [{ realtime: { title: "<%= it.code %><% if (it.has_shoe) { %> for your cart<% } %>" } }],
    };
    await templates.createTemplate({ templateId: "coded", displayName: "Coded", draft });
    await templates.publishTemplate({ name: "coded" });
    const send = (userId: string, channel = Channel.INBOX) =>
      trigger(userId, { template: { template: "coded" }, policy: { channels: [channel] } });
    // Another rule says no: that costs no code.
    await decided((await send("nobody", Channel.EMAIL)).name);
    expect((await templates.getCodePool({ pool: "two" })).pool).toMatchObject({ size: 2, drawn: 0 });
    const sent = [await send("heidi"), await send("nobody")];
    const titles: unknown[] = [];
    for (const { name } of sent) {
      const [first] = await decided(name);
      expect(first?.replayMatches).toBe(true);
      titles.push(first?.input?.template?.content?.title);
    }
    expect(new Set(titles.map((title) => String(title).slice(0, 3)))).toEqual(new Set(["ONE", "TWO"]));
    expect(titles[0]).toMatch(/ for your cart$/);
    expect(titles[1]).not.toMatch(/cart/);
    const [stopped] = await decided((await send("nobody")).name);
    expect(stopped?.decision?.verdicts.at(-1)).toMatchObject({
      rule: Rule.TEMPLATE,
      reason: expect.stringContaining('the code pool "two" has no code left'),
    });
  });

  it("by SMS give way when they turn out to cost too much, and are rendered for the channel that takes their place", async () => {
    const templates = client(TemplateService);
    const draft = {
      variables: [{ name: "name", type: VariableType.STRING }],
      variants: [{ sms: { text: "<%= it.name %>" }, realtime: { title: "Hi", body: "<%= it.name %>" } }],
    };
    await templates.createTemplate({ templateId: "costly", displayName: "Costly", draft });
    await templates.publishTemplate({ name: "costly" });
    const send = async (length: number) => {
      const { name } = await trigger("texted", {
        recipient: { userId: "texted", addresses: [{ channel: ContactChannel.SMS, address: "+4915112345678" }] },
        template: { template: "costly", variables: { name: "x".repeat(length) } },
        policy: {
          ...{ channels: [Channel.SMS, Channel.INBOX], purpose: Purpose.SERVICE },
          costMax: [{ currency: "EUR", micros: 100_000n }],
        },
      });
      const [first] = await decided(name);
      expect(first?.replayMatches).toBe(true);
      return first;
    };
    expect(await send(306)).toMatchObject({
      decision: { channel: Channel.SMS },
      input: { template: { smsSegments: 2 }, channelCosts: [{ cost: { micros: 100_000n } }] },
    });
    expect(await send(307)).toMatchObject({
      decision: { channel: Channel.INBOX },
      input: {
        template: { smsSegments: 3, content: { title: "Hi", body: "x".repeat(307) } },
        channelCosts: [{ cost: { micros: 150_000n } }],
      },
    });
  });

  it("say what a digest collected: its items, how many there are, and where a page is to show it", async () => {
    const templates = client(TemplateService);
    const item = {
      name: "item",
      type: VariableType.OBJECT,
      fields: [{ name: "product_id", type: VariableType.STRING }],
    };
    const element = {
      type: VariableType.OBJECT,
      fields: [{ name: "event", type: VariableType.OBJECT, fields: [item] }],
    };
    const draft = {
      variables: [
        {
          ...{ name: "digest", type: VariableType.OBJECT },
          fields: [
            { name: "count", type: VariableType.NUMBER },
            { name: "items", type: VariableType.LIST, element },
          ],
        },
      ],
      variants: [
        {
          realtime: {
            title: "<%= it.digest.count %> <%= it.digest.count | plural('piece', 'pieces') %> of news",
            body: "<% for (const one of it.digest.items) { %><%= one.event.item.product_id %>;<% } %>",
            presentation: { kind: Presentation_Kind.INLINE, placement: "home-news" },
          },
        },
      ],
    };
    await templates.createTemplate({ templateId: "digested", displayName: "Digested", draft });
    await templates.publishTemplate({ name: "digested" });
    await client(CampaignService).create({
      campaignId: "digested",
      campaign: {
        ...{ displayName: "Digested", state: CampaignState.RUNNING, template: { template: "digested" } },
        trigger: { on: { case: "event", value: ShopEventKind.ITEM_UPDATED } },
        digest: { window: { case: "after", value: { seconds: 2n } } },
      },
    });
    const ids = ["d1", "d2", "d3"];
    for (const productId of ids)
      await client(EventService).ingest({
        event: {
          ...{ eventId: `digest-${productId}`, userId: "live", kind: ShopEventKind.ITEM_UPDATED },
          occurTime: { seconds: BigInt(Math.floor(Date.now() / 1_000)) },
          item: { productId, quantity: 1, unitPrice: create(MoneySchema, { currency: "EUR", minor: 1n }) },
        },
      });
    const shown = () => frames.filter((one) => one.campaign === "digested");
    const listed = () => shown().flatMap(({ content }) => content?.body.split(";").filter((id) => id !== "") ?? []);
    // All three within the window, or what came too late in the next one: each once.
    await until(() => listed().length >= ids.length, "all of it is shown");
    expect(listed().toSorted()).toEqual(ids);
    for (const { content } of shown()) {
      const count = content?.body.split(";").filter((id) => id !== "").length;
      expect(content?.title).toBe(`${count} ${count === 1 ? "piece" : "pieces"} of news`);
      expect(content?.presentation).toMatchObject({ kind: Presentation_Kind.INLINE, placement: "home-news" });
    }
  });

  it("by email of marketing have a way to unsubscribe, in header and body", async () => {
    await client(ProfileService).setConsent({
      ...{
        userId: "heidi",
        channel: ContactChannel.EMAIL,
        purpose: Purpose.MARKETING,
        status: ConsentStatus.GRANTED,
        source: "test",
      },
    });
    const { interventionId } = await trigger("heidi", { policy: { channels: [Channel.EMAIL] } });
    await engine.reached(interventionId, State.SENT);
    expect(fake.sent.find(({ deliveryId }) => deliveryId === `${interventionId}:email`)?.content).toMatchObject({
      html: expect.stringMatching(
        /<a href="https:\/\/shop\.example\/unsubscribe\?a=1&amp;b=2" lang="de">Abmelden<\/a><\/p><\/body>/,
      ),
      text: expect.stringContaining(UNSUBSCRIBE),
      headers: { "List-Unsubscribe": `<${UNSUBSCRIBE}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
    });
  });
});
