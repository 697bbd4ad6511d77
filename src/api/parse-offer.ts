import { create } from "@bufbuild/protobuf";
import { type Duration, type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { ContentSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import {
  type PageRule as PageRuleMessage,
  type PlacementOffer,
  PlacementOfferSchema,
} from "../../gen/intervention/v1/placement_service_pb.js";
import { compileCondition } from "../domain/condition/compile-condition.ts";
import { InvalidInput } from "../domain/errors.ts";
import {
  checked,
  durationBetween,
  gatherViolations,
  parseFields,
  show,
  text,
  timestamp,
  wholeNumber,
  withoutControlCharacters,
} from "./field-checks.ts";
import { PLACEMENT_NAME, parseTrigger } from "./parse-trigger.ts";

/** The fields of an offer that its caller sets, by their names in the proto. */
const SETTABLE = {
  display_name: "displayName",
  placement: "placement",
  content: "content",
  pages: "pages",
  condition: "condition",
  start_time: "startTime",
  end_time: "endTime",
  priority: "priority",
  frequency: "frequency",
} as const satisfies Record<string, keyof PlacementOffer>;
type Path = keyof typeof SETTABLE;

const PAGES_MAX = 50;
const PATH = text({ min: 1, max: 200 });

const pageSchema = z.custom<PageRuleMessage>().superRefine(({ path }, context) => {
  if (path.case === undefined)
    return context.addIssue({ code: "custom", message: "it says nothing; one of exact, prefix, glob is needed" });
  const problem =
    PATH(path.value) ?? (path.value.startsWith("/") ? undefined : `${show(path.value)} does not begin with /`);
  if (problem !== undefined) context.addIssue({ code: "custom", path: [path.case], message: problem });
});

const offerSchema = z
  .object({
    displayName: checked(text({ min: 1, max: 200 }), withoutControlCharacters),
    placement: checked(PLACEMENT_NAME),
    pages: checked<PageRuleMessage[]>((pages) =>
      pages.length > PAGES_MAX ? `there are ${pages.length}; up to ${PAGES_MAX} are allowed` : undefined,
    ).pipe(z.array(pageSchema)),
    startTime: checked<Timestamp>(timestamp).optional(),
    endTime: checked<Timestamp>(timestamp).optional(),
    priority: checked(wholeNumber({ min: -1_000, max: 1_000 })),
    frequency: z
      .object({
        max: checked(wholeNumber({ min: 1, max: 100 })),
        window: z
          .custom((value) => value !== undefined, { error: "it is missing; it says within how long is counted" })
          .pipe(checked<Duration>(durationBetween({ minS: 1, maxS: 90 * 86_400, allowed: "1 s to 90 days" }))),
      })
      .optional(),
  })
  .refine(
    ({ startTime, endTime }) =>
      startTime === undefined || endTime === undefined || timestampMs(startTime) < timestampMs(endTime),
    { path: ["endTime"], error: "it is not after start_time" },
  );

/** An offer in which everything is right, with nothing but what its caller sets.
 *  @throws InvalidInput naming every bad field below `offer`. */
export function parseOffer(offer: PlacementOffer | undefined, workspaceId: string): PlacementOffer {
  if (offer === undefined)
    throw new InvalidInput([{ field: "offer", description: "it is missing; it says what to show where" }]);
  const { attempt, violations } = gatherViolations();
  const fields = attempt(() => parseFields(offerSchema, offer));
  const content = attempt(() => parseContent(offer, workspaceId));
  attempt(() => checkCondition(offer));
  if (violations.length > 0 || fields === undefined || content === undefined)
    throw new InvalidInput(violations.map(({ field, description }) => ({ field: `offer.${field}`, description })));
  const { condition, frequency } = offer;
  return create(PlacementOfferSchema, {
    ...{ displayName: fields.displayName, placement: fields.placement, pages: fields.pages, priority: fields.priority },
    content,
    ...(condition && { condition }),
    ...(fields.startTime && { startTime: fields.startTime }),
    ...(fields.endTime && { endTime: fields.endTime }),
    ...(frequency && { frequency }),
  });
}

/** What an offer becomes when the fields of these paths are taken from another; no path means all of them. A field that is absent
 *  there is cleared.
 *  @throws InvalidInput naming every bad path and field. */
export function applyOfferMask(
  current: PlacementOffer,
  wanted: PlacementOffer,
  paths: readonly string[],
  workspaceId: string,
): PlacementOffer {
  const bad = paths.filter((path) => !isPath(path));
  if (bad.length > 0) {
    const allowed = Object.keys(SETTABLE).join(", ");
    throw new InvalidInput(
      bad.map((path) => ({ field: "update_mask", description: `${show(path)} is not one of ${allowed}` })),
    );
  }
  const mixed = create(PlacementOfferSchema, current);
  for (const path of paths.length === 0 ? Object.keys(SETTABLE) : paths)
    if (isPath(path)) Object.assign(mixed, { [SETTABLE[path]]: wanted[SETTABLE[path]] });
  const { name, offerId, createTime, updateTime, etag } = current;
  const parsed = parseOffer(mixed, workspaceId);
  return Object.assign(parsed, { name, offerId, createTime, updateTime, etag });
}

const isPath = (path: string): path is Path => Object.hasOwn(SETTABLE, path);

/** The content of a trigger under the same rules; where it is shown is the offer's own matter. */
function parseContent({ content }: PlacementOffer, workspaceId: string) {
  const request = create(TriggerRequestSchema, {
    ...{ idempotencyKey: "offer", recipient: { userId: "*" } },
    ...(content === undefined ? {} : { content: create(ContentSchema, { ...content, presentation: undefined }) }),
  });
  return parseTrigger(request, { workspaceId, newKey: () => "offer" }).content;
}

function checkCondition({ condition }: PlacementOffer): void {
  if (condition === undefined) return;
  const { roots } = compileCondition(condition);
  const absent = (["prediction", "event"] as const).filter((root) => roots.has(root));
  if (absent.length > 0)
    throw new InvalidInput([
      { field: "condition", description: `it looks at ${absent.join(" and ")}, and a page view has none` },
    ]);
}
