import { Actor } from "../../../gen/intervention/v1/event_pb.js";
import type { Judged } from "./classify-actor.ts";

const ACTORS: Readonly<Record<Judged["actor"], Actor>> = {
  person: Actor.PERSON,
  scanner: Actor.SCANNER,
  prefetch: Actor.PREFETCH,
  privacy_proxy: Actor.PRIVACY_PROXY,
  bot: Actor.BOT,
};

/** Who was behind something, as events say it. */
export const toActor = ({ actor }: Judged): Actor => ACTORS[actor];
