import { create } from "@bufbuild/protobuf";
import { Actor, type Event, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { BURST, findBurst } from "../domain/tracking/find-burst.ts";

type Held = { readonly event: Event; readonly atMs: number; readonly link: string; isHeld: boolean };

/** Of one message no more are looked at together: who follows so many is judged by them. */
const LOOKED_AT_MAX = 100;

/** Holds clicks back that look like a person's, until it is known whether they are part of a burst. A process that is killed loses what it
 *  holds, as it does what is on its way to the disk. */
export class HeldClicks {
  readonly #pass: (event: Event) => void;
  readonly #byIntervention = new Map<string, Held[]>();

  constructor(pass: (event: Event) => void) {
    this.#pass = pass;
  }

  hold(event: Event, { atMs, link }: { readonly atMs: number; readonly link: string }): void {
    const held: Held = { event, atMs, link, isHeld: true };
    const own = this.#byIntervention.get(event.interventionId) ?? [];
    this.#byIntervention.set(event.interventionId, own);
    own.push(held);
    if (own.length > LOOKED_AT_MAX) this.#release(own, own[own.length - LOOKED_AT_MAX - 1]);
    // Those before it are forgotten when nothing can be within a burst with them any more.
    setTimeout(() => this.#release(own, held), BURST.ms);
    setTimeout(() => this.#forget(event.interventionId, own, held), 2 * BURST.ms).unref();
  }

  /** Passes everything on, judged by what is known. */
  flush(): void {
    for (const own of this.#byIntervention.values()) for (const held of own) this.#release(own, held);
    this.#byIntervention.clear();
  }

  #release(own: readonly Held[], held: Held | undefined): void {
    if (held?.isHeld !== true) return;
    held.isHeld = false;
    const recent = own.slice(-LOOKED_AT_MAX);
    const isInBurst = [...findBurst(recent)].some((index) => recent[index] === held);
    const actorEvidence = `${BURST.links} or more links of the message within ${BURST.ms} ms`;
    this.#pass(isInBurst ? create(EventSchema, { ...held.event, actor: Actor.SCANNER, actorEvidence }) : held.event);
  }

  #forget(interventionId: string, own: Held[], held: Held): void {
    own.splice(own.indexOf(held), 1);
    if (own.length === 0 && this.#byIntervention.get(interventionId) === own)
      this.#byIntervention.delete(interventionId);
  }
}
