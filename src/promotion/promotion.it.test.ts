import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { GoalKind, OrderMeasure } from "../../gen/intervention/v1/experiment_pb.js";
import { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import { SegmentService } from "../../gen/intervention/v1/segment_service_pb.js";
import { PredictionKind, ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { startApi } from "../api/testing/start-api.ts";
import { bearer } from "../testing/bearer.ts";
import { applyFrom, exportTo } from "./carry.ts";
import type { Engine } from "./kind.ts";

let api: Awaited<ReturnType<typeof startApi>>;
let staging: Engine;
let production: Engine;
let dir: string;
let lines: string[];

beforeEach(async () => {
  api = await startApi();
  const toEngine = (key: string): Engine => ({
    url: api.url,
    transport: createGrpcTransport({ baseUrl: api.url, interceptors: [bearer(key)] }),
  });
  [staging, production] = [toEngine(api.apiKey), toEngine(api.otherApiKey)];
  dir = await mkdtemp(join(tmpdir(), "promotion-"));
  lines = [];
});
afterEach(async () => {
  await rm(dir, { recursive: true });
  await api[Symbol.asyncDispose]();
});

const say = (line: string) => void lines.push(line);
const apply = (to: Engine, more: { dryRun?: boolean; overwrite?: boolean } = {}) =>
  applyFrom(dir, to, { dryRun: false, overwrite: false, ...more, say });
const pathOf = (path: string) => join(dir, `${path}.yaml`);
const edit = async (path: string, from: string, to: string) => {
  const before = await readFile(pathOf(path), "utf8");
  expect(before).toContain(from);
  await writeFile(pathOf(path), before.replaceAll(from, to));
};
const put = async (path: string, text: string) => {
  await mkdir(join(dir, path.split("/")[0] ?? ""), { recursive: true });
  await writeFile(pathOf(path), text);
};

const campaignsOf = ({ transport }: Engine) => createClient(CampaignService, transport);
const segmentsOf = ({ transport }: Engine) => createClient(SegmentService, transport);
const templatesOf = ({ transport }: Engine) => createClient(TemplateService, transport);
const experimentsOf = ({ transport }: Engine) => createClient(ExperimentService, transport);
const isIn = (segmentId: string) => ({ rule: { case: "inSegment" as const, value: segmentId } });

/** Segments of which the first by name needs the second, a template that lies in another's layout, a draft, and a campaign that runs. */
async function fill(engine: Engine) {
  const segments = segmentsOf(engine);
  const rule = {
    rule: { case: "did" as const, value: { kind: ShopEventKind.ORDER_PLACED, atLeast: 3, withinDays: 90 } },
  };
  await segments.createSegment({ segmentId: "regulars", segment: { displayName: "Regulars", rule } });
  await segments.createSegment({ segmentId: "friends", segment: { displayName: "Friends", rule: isIn("regulars") } });
  await segments.createSegment({ segmentId: "staff", segment: { displayName: "Staff" } });
  const templates = templatesOf(engine);
  const shop = { pieces: [{ name: "frame", source: "Shop: <%~ it.body %>\n-- \nYour shop\n" }] };
  await templates.createTemplate({ templateId: "shop", displayName: "Shop", draft: shop });
  await templates.publishTemplate({ name: "shop" });
  const source = '<% layout("shop/frame") %>Still there?';
  const draft = { variants: [{ realtime: { title: "Your cart", body: source } }] };
  await templates.createTemplate({ templateId: "cart", displayName: "Cart", draft });
  await templates.publishTemplate({ name: "cart" });
  await templates.createTemplate({ templateId: "later", displayName: "Later", draft });
  const trigger = { on: { case: "prediction" as const, value: PredictionKind.ABANDONMENT_RISK } };
  const campaign = { displayName: "Rescue", trigger, template: { template: "cart" }, state: CampaignState.RUNNING };
  await campaignsOf(engine).create({ campaignId: "rescue", campaign });
  const variants = [
    { variantId: "control", weight: 1 },
    { variantId: "short", weight: 1, treatment: { template: { template: "cart" } } },
  ];
  const measure = { of: { case: "orders" as const, value: OrderMeasure.COUNT } };
  const goals = [{ goalId: "orders", kind: GoalKind.BINARY, measure }];
  const experiment = { displayName: "Shorter", campaigns: ["rescue"], variants, goals };
  await experimentsOf(engine).createExperiment({ experimentId: "shorter", experiment });
  await experimentsOf(engine).startExperiment({ name: "shorter" });
}

describe("a workspace in files", () => {
  it("is carried to another workspace and back, and is the same everywhere", async () => {
    await fill(staging);
    const exported = await exportTo(dir, staging, say);
    expect(exported).toEqual([
      ...["campaigns/rescue", "experiments/shorter"],
      ...["segments/friends", "segments/regulars", "segments/staff"],
      ...["templates/cart", "templates/later", "templates/shop"],
    ]);
    expect(await readFile(pathOf("segments/regulars"), "utf8")).toBe(
      "displayName: Regulars\nrule:\n  did:\n    kind: SHOP_EVENT_KIND_ORDER_PLACED\n    atLeast: 3\n    withinDays: 90\n",
    );
    expect((await apply(staging)).changes).toEqual([]);

    const first = await apply(production);
    expect(first.changes.map(({ thing }) => `${thing.folder}/${thing.id}`)).toEqual([
      ...["segments/regulars", "segments/friends", "segments/staff"],
      ...["templates/shop", "templates/cart", "templates/later", "campaigns/rescue", "experiments/shorter"],
    ]);
    expect((await apply(production)).changes).toEqual([]);
    const { campaign } = await campaignsOf(production).get({ name: "rescue" });
    expect(campaign).toMatchObject({ state: CampaignState.DRAFT, template: { template: "cart", version: 1 } });
    expect((await templatesOf(production).getTemplate({ name: "later" })).template?.version).toBe(0);

    // What production changes goes back the same way.
    await campaignsOf(production).update({
      campaign: { name: "rescue", displayName: "Rescue now" },
      updateMask: { paths: ["display_name"] },
    });
    expect(await exportTo(dir, production, say)).toEqual(["campaigns/rescue"]);
    await apply(staging);
    expect((await campaignsOf(staging).get({ name: "rescue" })).campaign).toMatchObject({
      displayName: "Rescue now",
      state: CampaignState.RUNNING,
    });
  });

  it("shows in a dry run what it would change, and changes nothing", async () => {
    await fill(staging);
    await exportTo(dir, staging, say);
    await edit("templates/cart", "Still there?", "Still there, friend?");
    await put("segments/new", "displayName: New\n");
    lines = [];
    await apply(staging, { dryRun: true });
    expect(lines).toContain("+ segments/new");
    expect(lines).toContain("~ templates/cart");
    expect(lines.filter((line) => /^ {4}[-+]/.test(line)).join("\n")).toMatch(
      /- .*Still there\?.*\n.*\+ .*Still there, friend\?/,
    );
    expect(lines).toContain("~ campaigns/rescue");
    expect(lines.at(-1)).toBe("3 to change, 6 the same, 0 only in the workspace");
    expect((await templatesOf(staging).getTemplate({ name: "cart" })).template?.version).toBe(1);
    await expect(segmentsOf(staging).getSegment({ name: "new" })).rejects.toThrow();

    await apply(staging);
    expect((await campaignsOf(staging).get({ name: "rescue" })).campaign?.template?.version).toBe(2);
    expect((await apply(staging)).changes).toEqual([]);
  });

  it("refuses what somebody changed in the workspace meanwhile, whole, unless told to overwrite it", async () => {
    await fill(staging);
    await exportTo(dir, staging, say);
    const updateMask = { paths: ["display_name"] };
    await segmentsOf(staging).updateSegment({ segment: { name: "regulars", displayName: "By hand" }, updateMask });
    await edit("segments/friends", "Friends", "Dear friends");
    await edit("segments/regulars", "Regulars", "Very regular");
    await expect(apply(staging)).rejects.toThrow(/nothing was changed: segments\/regulars changed in the workspace/);
    expect((await segmentsOf(staging).getSegment({ name: "friends" })).segment?.displayName).toBe("Friends");
    await apply(staging, { overwrite: true });
    expect((await segmentsOf(staging).getSegment({ name: "regulars" })).segment?.displayName).toBe("Very regular");
  });

  it("takes what runs or is paused as it is", async () => {
    await fill(staging);
    await exportTo(dir, staging, say);
    await campaignsOf(staging).pause({ name: "rescue" });
    await edit("campaigns/rescue", "Rescue", "Rescue soon");
    await apply(staging);
    expect((await campaignsOf(staging).get({ name: "rescue" })).campaign).toMatchObject({
      displayName: "Rescue soon",
      state: CampaignState.PAUSED,
    });
  });

  it("changes of an experiment that runs what may change, though its template has a newer version, and leaves one that is over", async () => {
    await fill(staging);
    await exportTo(dir, staging, say);
    await templatesOf(staging).publishTemplate({ name: "cart" });
    expect((await apply(staging)).changes.map(({ thing }) => thing.folder)).toEqual(["campaigns"]);
    await edit("experiments/shorter", "traffic: 1", "traffic: 1\ndisplayName: Shorter still");
    await edit("experiments/shorter", "displayName: Shorter\n", "");
    await apply(staging);
    const { experiment } = await experimentsOf(staging).getExperiment({ name: "shorter" });
    expect(experiment?.displayName).toBe("Shorter still");
    expect(experiment?.variants[1]?.treatment?.template?.version).toBe(1);
    await experimentsOf(staging).stopExperiment({
      name: "shorter",
      conclusion: { decision: { case: "shipNone", value: true } },
    });
    await edit("experiments/shorter", "still", "than ever");
    lines = [];
    expect((await apply(staging)).changes).toEqual([]);
    expect(lines).toContain("! experiments/shorter is over in the workspace, and stays as it is");
  });

  it("keeps files written by hand, whose defaults the engine fills in, the same once they are applied", async () => {
    await put(
      "campaigns/hello",
      "displayName: Hello\ntrigger:\n  event: SHOP_EVENT_KIND_ORDER_PLACED\ncontent: { title: Hello }\n",
    );
    expect((await apply(staging)).changes).toHaveLength(1);
    expect((await apply(staging)).changes).toEqual([]);
    await edit("campaigns/hello", "title: Hello", "title: Good day");
    expect((await apply(staging)).changes).toHaveLength(1);
    expect((await campaignsOf(staging).get({ name: "hello" })).campaign?.content?.title).toBe("Good day");
  });
});

describe("files that are wrong", () => {
  test.each([
    ["a field that is none", "segments/a", "displayName: A\nrules: {}\n", /segments\/a\.yaml: .*rules/],
    ["no YAML", "segments/a", "displayName: [A\n", /segments\/a\.yaml: .*line/],
    ["a list", "campaigns/a", "- displayName: A\n", /campaigns\/a\.yaml/],
    [
      "a template with a field that is none",
      "templates/a",
      "displayName: A\ndraft: {}\n",
      /it has draft; a template has/,
    ],
    ["a file that is called after no id", "segments/A B", "displayName: A\n", /segments\/A B\.yaml: a file is named/],
  ])("change nothing: %s", async (_, path, text, message) => {
    await put("segments/good", "displayName: Good\n");
    await put(path, text);
    await expect(apply(staging)).rejects.toThrow(message);
    expect((await segmentsOf(staging).listSegments({})).segments).toEqual([]);
  });

  it("are told by the engine's own words and fields, and applying goes on from there when they are mended", async () => {
    await put("segments/a", "displayName: A\n");
    await put("segments/b", "displayName: B\nrule: { inSegment: nowhere }\n");
    await put("segments/c", "displayName: C\n");
    await expect(apply(staging)).rejects.toThrow(/segments\/b was refused, [\s\S]*segment\.rule.*nowhere/);
    const idsOf = async () => (await segmentsOf(staging).listSegments({})).segments.map((one) => one.segmentId).sort();
    expect(await idsOf()).toEqual(["a"]);
    await edit("segments/b", "nowhere", "a");
    expect((await apply(staging)).changes.map(({ thing }) => thing.id)).toEqual(["b", "c"]);
    expect(await idsOf()).toEqual(["a", "b", "c"]);
    expect(await readdir(dir)).toContain("synced.json");
  });
});
