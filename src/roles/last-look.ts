import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DeliveryMessage } from "../../gen/intervention/v1/bus_pb.js";
import { Answer } from "../../gen/intervention/v1/decision_pb.js";
import { ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { askFallback } from "../domain/decision/ask-fallback.ts";
import { toContactChannel, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { toConsentName } from "../domain/profile/register-keys.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { findHappened, findProfileOutlines, type ProfileOutline, profileId, type Store } from "../store/index.ts";
import { loadFallbackStates } from "./fallback-states.ts";
import { type Asked, loadSuppressed, type Suppressed } from "./suppressed.ts";

/** Why something is not sent after all. */
export type Objection = { readonly outcome: "expired" | "cancelled" | "refused"; readonly reason: string };

/** Looks once more at what was decided some time ago, just before it is sent: whether its time is over, its sender has taken it
 *  back, or its user has said no since. */
export async function findObjections(
  { store, access }: { readonly store: Store; readonly access: Pick<AccessDirectory, "findWorkspace"> },
  deliveries: readonly DeliveryMessage[],
  now: Date,
): Promise<Map<DeliveryMessage, Objection>> {
  const whoOf = ({ intervention }: DeliveryMessage) => ({
    workspaceId: intervention?.workspace ?? "",
    userId: intervention?.recipient?.userId ?? "",
  });
  const reachingUsers = deliveries.filter(({ channel }) => toContactChannel(channel) !== ContactChannel.UNSPECIFIED);
  const [cancelled, profiles, suppressedOf] = await Promise.all([
    findHappened(
      store,
      deliveries.map(({ intervention }) => intervention?.interventionId ?? ""),
      ["cancelled"],
    ),
    findProfileOutlines(store, reachingUsers.map(whoOf)),
    loadSuppressed({ store, access }, reachingUsers.map(toAsked)),
  ]);
  const enough = await findEnough(store, deliveries);
  const objections = new Map<DeliveryMessage, Objection>();
  for (const delivery of deliveries) {
    const { workspaceId, userId } = whoOf(delivery);
    const found =
      findExpiry(delivery, now) ??
      enough.get(delivery) ??
      (cancelled.has(delivery.intervention?.interventionId ?? "")
        ? ({ outcome: "cancelled", reason: "its sender has taken it back" } as const)
        : (findRefusal(delivery, profiles.get(profileId(workspaceId, userId))) ??
          toRefusal(suppressedOf(toAsked(delivery)))));
    if (found !== undefined) objections.set(delivery, found);
  }
  return objections;
}

/** Of fallbacks that waited for their provider, those whose users have seen what was sent before in the meantime. */
async function findEnough(
  store: Store,
  deliveries: readonly DeliveryMessage[],
): Promise<ReadonlyMap<DeliveryMessage, Objection>> {
  const interventions = deliveries.flatMap(({ intervention }) => intervention ?? []);
  const states = await loadFallbackStates({ store }, interventions);
  const found = new Map<DeliveryMessage, Objection>();
  for (const delivery of deliveries) {
    const fallback = delivery.intervention === undefined ? undefined : states.get(delivery.intervention);
    const policy = delivery.intervention?.policy;
    if (fallback === undefined || policy === undefined) continue;
    const { answer, reason } = askFallback({ policy, fallback });
    if (answer === Answer.STOP) found.set(delivery, { outcome: "cancelled", reason });
  }
  return found;
}

const toAsked = ({ intervention, channel, address }: DeliveryMessage): Asked => {
  const name = toOutsideChannel(channel);
  const addresses = name === undefined ? [] : [{ channel: name, address }];
  return { workspaceId: intervention?.workspace ?? "", policy: intervention?.policy, addresses };
};

function toRefusal([one]: readonly Suppressed[]): Objection | undefined {
  return one === undefined ? undefined : { outcome: "refused", reason: `the address is suppressed: ${one.reason}` };
}

export function findExpiry({ intervention }: DeliveryMessage, now: Date): Objection | undefined {
  const expiry = intervention?.expireTime === undefined ? undefined : timestampDate(intervention.expireTime);
  if (expiry === undefined || expiry > now) return undefined;
  return { outcome: "expired", reason: `expired at ${expiry.toISOString()}` };
}

/** The rule of the decision, asked again: marketing needs a yes that stands, anything else that there is no no. */
function findRefusal({ intervention, channel }: DeliveryMessage, profile: ProfileOutline | undefined) {
  const contact = toContactChannel(channel);
  if (contact === ContactChannel.UNSPECIFIED) return undefined;
  const purpose = intervention?.policy?.purpose || Purpose.MARKETING;
  const subject = toConsentName({ channel: contact, purpose });
  if (profile?.denied.some(({ name }) => name === subject) === true)
    return { outcome: "refused", reason: `the user has said no to ${subject}` } as const;
  if (purpose === Purpose.MARKETING && profile?.granted?.some(({ name }) => name === subject) !== true)
    return { outcome: "refused", reason: `the user has not said yes to ${subject}` } as const;
  return undefined;
}
