import { Buffer } from "node:buffer";
import { Priority } from "../../gen/intervention/v1/intervention_pb.js";
import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { Lane } from "../domain/limit/lane-chooser.ts";

/** The streams the engine owns, and those that it shares with the platform. */
export const STREAM_NAMES = [
  "INTERVENTIONS",
  "DISPATCH",
  "REALTIME",
  "TRACKING",
  "DELAYED",
  "DEAD",
  "PREDICTIONS",
  "EVENTS",
  "EVENTS_OUT",
] as const;
export type StreamName = (typeof STREAM_NAMES)[number];

/** The last part of an intervention's subject. */
export const PRIORITY_NAMES = {
  [Priority.UNSPECIFIED]: "normal",
  [Priority.LOW]: "low",
  [Priority.NORMAL]: "normal",
  [Priority.HIGH]: "high",
} as const;

export const PRIORITIES = ["high", "normal", "low"] as const;
export type PriorityName = (typeof PRIORITIES)[number];

const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;

/** Makes one subject token of any id: plain ones stay readable, others become `~` and their base64url.
 *  Distinct ids stay distinct, since `~` is in no plain one. */
export function toSubjectToken(id: string): string {
  return PLAIN.test(id) ? id : `~${Buffer.from(id, "utf8").toString("base64url")}`;
}

/** Every subject and stream name in one place, under the engine's namespace. */
export type Subjects = ReturnType<typeof createSubjects>;

/** @param namespace prefix for engines that share one NATS; empty for none. */
export function createSubjects(namespace: string) {
  const p = namespace === "" ? "" : `${namespace}.`;
  return {
    stream: (name: StreamName): string => (namespace === "" ? name : `${namespace}_${name}`),
    /** @param lane default: the main one. */
    intervention: (workspace: string, priority: PriorityName, lane: Lane = "main") =>
      `${p}iv.${workspace}.${priority}${lane === "bulk" ? ".bulk" : ""}`,
    interventionsOf: (priority: PriorityName, lane: Lane = "main") =>
      `${p}iv.*.${priority}${lane === "bulk" ? ".bulk" : ""}`,
    /** What a provider is to carry. */
    dispatch: (workspace: string, channel: OutsideChannelName, priority: PriorityName) =>
      `${p}dispatch.${channel}.${priority}.${workspace}`,
    dispatchOf: (channel: OutsideChannelName, priority: PriorityName) => `${p}dispatch.${channel}.${priority}.>`,
    /** Deliveries that were put off ... */
    putOff: (workspace: string, priority: PriorityName, id: string) =>
      `${p}later.resend.${workspace}.${priority}.${id}`,
    /** ... and put here when their time has come. */
    sendNow: (workspace: string, priority: PriorityName, id: string) => `${p}later.send.${workspace}.${priority}.${id}`,
    sendNowOf: (priority: PriorityName) => `${p}later.send.*.${priority}.>`,
    putOffOf: (workspace: string) => [`${p}later.resend.${workspace}.>`, `${p}later.send.${workspace}.>`] as const,
    providersChanged: `${p}providers-changed`,
    providerLimitsUsed: `${p}provider-limits-used`,
    realtime: (workspace: string, userToken: string) => `${p}rt.${workspace}.${userToken}`,
    /** What REALTIME has stored, with its sequence in the headers: gateways listen here. */
    live: (workspace: string, userToken: string) => `${p}live.${workspace}.${userToken}`,
    track: (workspace: string, kind: string) => `${p}track.${workspace}.${kind}`,
    later: (workspace: string, interventionId: string) => `${p}later.set.${workspace}.${interventionId}`,
    due: (workspace: string, interventionId: string) => `${p}later.due.${workspace}.${interventionId}`,
    dead: (workspace: string, stream: StreamName, reason: "malformed" | "failed") =>
      `${p}dead.${workspace}.${stream}.${reason}`,
    /** What shoppers do. */
    shopEvents: (workspace: string) => `${p}events.cart.${workspace}`,
    predictions: (workspace: string) => `${p}ai.predictions.${workspace}`,
    /** A burst of triggers of a campaign for one user: replaced as long as more of them come … */
    burst: (workspace: string, campaign: string, userToken: string) =>
      `${p}later.burst.${workspace}.${campaign}.${userToken}`,
    /** … and put here when no more came for long enough. */
    calm: (workspace: string, campaign: string, userToken: string) =>
      `${p}later.calm.${workspace}.${campaign}.${userToken}`,
    /** What a provider told of a message that is not known yet: to be looked at again … */
    report: (workspace: string, id: string) => `${p}later.report.${workspace}.${id}`,
    /** … and put here when its time has come. */
    reported: (workspace: string, id: string) => `${p}later.reported.${workspace}.${id}`,
    campaignsChanged: `${p}campaigns-changed`,
    segmentsChanged: `${p}segments-changed`,
    experimentsChanged: `${p}experiments-changed`,
    /** A tracked event on its way out, as a CloudEvent. */
    eventsOut: (workspace: string, kind: string) => `${p}events.out.${workspace}.${kind}`,
    /** Says whose user was erased, to whoever keeps something of users in memory. */
    erased: (workspace: string) => `${p}erased.${workspace}`,
    presence: (gatewayId: string) => `${p}presence.${gatewayId}`,
    presenceWanted: `${p}presence-wanted`,
    /** Which products of a workspace have changed: heard by who keeps some in memory. */
    catalog: (workspace: string) => `${p}catalog.${workspace}`,
    accessChanged: `${p}access-changed`,
    limitsUsed: `${p}limits-used`,
    all: {
      interventions: `${p}iv.>`,
      dispatch: `${p}dispatch.>`,
      realtime: `${p}rt.>`,
      live: `${p}live.>`,
      track: `${p}track.>`,
      later: `${p}later.>`,
      due: `${p}later.due.>`,
      dead: `${p}dead.>`,
      predictions: `${p}ai.predictions.>`,
      shopEvents: `${p}events.cart.>`,
      calm: `${p}later.calm.>`,
      reported: `${p}later.reported.>`,
      presence: `${p}presence.*`,
      catalog: `${p}catalog.*`,
      eventsOut: `${p}events.out.>`,
      erased: `${p}erased.*`,
    },
    /** The workspace a subject of ours belongs to. */
    workspaceOf(subject: string): string {
      const parts = subject.slice(p.length).split(".");
      if (parts[0] === "dispatch") return parts[3] ?? "";
      return (parts[0] === "later" || parts[0] === "ai" || parts[0] === "events" ? parts[2] : parts[1]) ?? "";
    },
  };
}
