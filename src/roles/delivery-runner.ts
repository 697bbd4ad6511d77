import type { DeliveryMessage } from "../../gen/intervention/v1/bus_pb.js";
import { findProvider } from "../channels/known-provider.ts";
import type { OutgoingMessage } from "../channels/provider.ts";
import { invariant } from "../domain/assert.ts";
import { toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { chooseAccount } from "../domain/delivery/choose-account.ts";
import {
  attemptId,
  claimAttempts,
  findAttempts,
  insertSuppressions,
  type ProviderAccountDocument,
  settleAttempts,
} from "../store/index.ts";
import { type Open, toAttemptDocument, toEnded, toLost, toOpen, toResultDocument } from "./attempt-documents.ts";
import type { DeliverOptions } from "./deliver.ts";
import { DeliveryQuotas } from "./delivery-quotas.ts";
import { type Ended, FollowUp } from "./follow-up.ts";
import { findObjections } from "./last-look.ts";
import { DeliveryRenderer } from "./render-delivery.ts";
import type { CallResult, Senders } from "./senders.ts";

/** Deliveries of one account. */
type Group = { readonly account: ProviderAccountDocument; readonly members: readonly Open[] };

/** Claimed together: with a provider that takes one message a call, a claim for each would cost more than the call. */
const CLAIMED_TOGETHER_MIN = 50;
/** Groups of one account under way at once: storing and sending overlap. */
const LANES = 4;
/** No call begins after so long in one batch; the rest is put off, so that a slow provider holds nobody else up. */
const BUDGET_MS = 5_000;
/** What can't be sent by anybody at the moment is looked at again after this. */
const HELD_MS = 5_000;
/** Clocks of two machines may differ by so much. */
const SKEW_MS = 2_000;

/** Sends batches of deliveries. What makes it right, whoever dies or stalls:
 *
 *  1. An attempt is claimed by inserting it, so that one worker alone has it, and only within its lease.
 *  2. Then, and not before, it is looked at a last time and sent.
 *  3. How it ended is inserted once, by its sender, or after its lease by whoever finds it without an end: nobody knows then
 *     whether it was sent, and the policy says what that means.
 *  4. What follows is done again by whoever sees the message again, until it is acknowledged. */
export class DeliveryRunner {
  readonly #options: DeliverOptions;
  readonly #senders: Senders;
  readonly #followUp: FollowUp;
  readonly #quotas: DeliveryQuotas;
  readonly #renderer: DeliveryRenderer;

  constructor(options: DeliverOptions & { readonly senders: Senders }) {
    this.#options = options;
    this.#senders = options.senders;
    this.#followUp = new FollowUp(options);
    this.#quotas = new DeliveryQuotas(options);
    this.#renderer = new DeliveryRenderer(options);
  }

  /** Returns when all that follows from each delivery is on disk. */
  async run(deliveries: readonly DeliveryMessage[]): Promise<void> {
    const open = [
      ...new Map(deliveries.map(toOpen).map((one) => [attemptId(one.id, one.delivery.attempt), one])).values(),
    ];
    const deadlineMs = Date.now() + BUDGET_MS;
    const ended: Ended[] = [];
    const contested: Open[] = [];
    await Promise.all(
      [...Map.groupBy(open, ({ delivery, channel }) => `${delivery.intervention?.workspace}/${channel}`).values()].map(
        async (members) => {
          for (const group of await this.#assign(members)) {
            const done = await this.#sendGroup(group, deadlineMs);
            ended.push(...done.ended);
            contested.push(...done.contested);
          }
        },
      ),
    );
    ended.push(...(await this.#findEnds(contested)));
    await this.#followUp.run(ended);
  }

  /** Gives each delivery to an account, within its rate. What nobody can take now is put off. */
  async #assign(members: readonly Open[]): Promise<Group[]> {
    const [first] = members;
    if (first === undefined) return [];
    const { workspace = "" } = first.delivery.intervention ?? {};
    const ready = this.#senders.listReady(workspace, first.channel).map((account) => ({ id: account._id, account }));
    if (ready.length === 0) {
      await this.#hold(members, "no_provider", () => HELD_MS);
      return [];
    }
    const byAccount = Map.groupBy(
      members,
      ({ delivery }) => chooseAccount(ready, delivery.failedAccounts)?.account ?? ready[0]?.account,
    );
    const groups: Group[] = [];
    for (const [account, its] of byAccount) {
      if (account === undefined) continue;
      const { granted, ratePerS } = this.#senders.takeUpTo(account, its.length);
      const { within, beyond, endsAt } = await this.#quotas.claim(its.slice(0, granted));
      if (within.length > 0) groups.push({ account, members: within });
      await this.#hold(beyond, "quota", () => endsAt.getTime() - Date.now());
      // As many as a second allows come back together, one second after another.
      await this.#hold(its.slice(granted), "rate", (index) => 1_000 * Math.ceil((index + 1) / ratePerS));
    }
    return groups;
  }

  async #hold(
    members: readonly Open[],
    why: "no_provider" | "rate" | "quota" | "time" | "leased",
    waitMsOf: (index: number) => number,
  ): Promise<void> {
    if (members.length === 0) return;
    this.#options.metrics.deliveriesHeld.inc({ channel: members[0]?.channel ?? "", why }, members.length);
    const now = Date.now();
    await this.#followUp.hold(
      members.map(({ delivery }, index) => ({ delivery, at: new Date(now + waitMsOf(index)) })),
      { isEndless: why !== "no_provider" },
    );
  }

  async #sendGroup({ account, members }: Group, deadlineMs: number) {
    const { batchMax = 1 } = this.#senders.limitsOf(account) ?? {};
    const size = Math.max(batchMax, CLAIMED_TOGETHER_MIN);
    const chunks = Array.from({ length: Math.ceil(members.length / size) }, (_, i) =>
      members.slice(i * size, (i + 1) * size),
    );
    const ended: Ended[] = [];
    const contested: Open[] = [];
    const lane = async () => {
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
        if (Date.now() > deadlineMs) {
          await this.#hold(chunk, "time", () => 1_000);
          continue;
        }
        const done = await this.#sendChunk(account, chunk, batchMax);
        ended.push(...done.ended);
        contested.push(...done.contested);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return { ended, contested };
  }

  async #sendChunk(account: ProviderAccountDocument, chunk: readonly Open[], batchMax: number) {
    const { store, worker, leaseMs } = this.#options;
    const { timeoutMs = 0 } = this.#senders.limitsOf(account) ?? {};
    const templates = await this.#renderer.load(chunk.map(({ delivery }) => delivery));
    const startedAt = new Date();
    const leaseUntil = new Date(startedAt.getTime() + timeoutMs + leaseMs);
    const toAttempt = (one: Open) => toAttemptDocument(one, { account, worker, startedAt, leaseUntil });
    const taken = await claimAttempts(store, chunk.map(toAttempt));
    const isTaken = ({ id, delivery }: Open) => taken.has(attemptId(id, delivery.attempt));
    const contested = chunk.filter(isTaken);
    const mine = chunk.filter((one) => !isTaken(one));
    const objections = await findObjections(
      this.#options,
      mine.map(({ delivery }) => delivery),
      new Date(),
    );
    const results = new Map<
      Open,
      CallResult | { readonly kind: "expired" | "cancelled" | "refused"; readonly reason: string }
    >();
    const outgoing: { readonly one: Open; readonly message: OutgoingMessage }[] = [];
    for (const one of mine) {
      const objection = objections.get(one.delivery);
      if (objection !== undefined) results.set(one, { kind: objection.outcome, reason: objection.reason });
      else {
        const rendered = this.#renderer.render(one, account, templates);
        if ("reason" in rendered) results.set(one, rendered);
        else outgoing.push({ one, message: rendered });
      }
    }
    const calls = Array.from({ length: Math.ceil(outgoing.length / batchMax) }, (_, i) =>
      outgoing.slice(i * batchMax, (i + 1) * batchMax),
    );
    await Promise.all(
      calls.map(async (call) => {
        const answers = await this.#senders.send(
          account,
          call.map(({ message }) => message),
          leaseUntil,
        );
        for (const [index, { one }] of call.entries())
          results.set(one, answers[index] ?? { kind: "unknown", reason: "no result" });
      }),
    );
    await this.#suppress(account, results);
    const handedOver = new Set(outgoing.map(({ one }) => one));
    await this.#quotas.giveBack(mine.filter((one) => !handedOver.has(one)));
    const ended = mine.map((one): Ended => {
      const result = results.get(one);
      invariant(result !== undefined, "every attempt has come to an end");
      this.#options.metrics.deliveryAttempts.inc({
        ...{ channel: account.channel, provider: account.provider, outcome: result.kind },
      });
      return { delivery: one.delivery, ended: toEnded(result, account._id) };
    });
    return { contested, ended: await this.#settle(ended) };
  }

  /** An address that a provider says is dead gets nothing more: entered before the attempt has ended, so that it is not forgotten. */
  async #suppress(
    { channel, provider, sandboxTo, workspaceId }: ProviderAccountDocument,
    results: ReadonlyMap<Open, { readonly kind: string }>,
  ): Promise<void> {
    const dead = [...results].flatMap(([{ delivery }, { kind }]) => (kind === "suppress" ? [delivery.address] : []));
    const workspace = this.#options.access.findWorkspace(workspaceId);
    // In a sandbox it was another address that was written to.
    if (dead.length === 0 || workspace === undefined || channel === "webhook" || sandboxTo !== "") return;
    const said = { channel, scope: "all", reason: "dead", source: provider } as const;
    await insertSuppressions(
      this.#options.store,
      workspace,
      dead.map((address) => ({ ...said, address })),
      new Date(),
    );
  }

  /** Records how attempts ended.
   *  @returns those whose end this is: another one may have found the lease over meanwhile, and what he said stands. */
  async #settle(ended: readonly Ended[]): Promise<Ended[]> {
    const endedAt = new Date();
    const idOf = ({ delivery }: Ended) => attemptId(toOpen(delivery).id, delivery.attempt);
    const hasCallbacks = (id: string) => {
      const account = this.#options.directory.find(id);
      if (account === undefined) return false;
      return findProvider(this.#options.providers, account.channel, account.provider)?.hasCallbacks === true;
    };
    const lost = await settleAttempts(
      this.#options.store,
      ended.map((one) => toResultDocument(one, { endedAt, hasCallbacks: hasCallbacks(one.ended.account) })),
    );
    return ended.filter((one) => !lost.has(idOf(one)));
  }

  /** Somebody has these attempts, or had them: what became of them? */
  async #findEnds(contested: readonly Open[]): Promise<Ended[]> {
    if (contested.length === 0) return [];
    const { store } = this.#options;
    const idOf = ({ id, delivery }: Open, further = 0) => attemptId(id, delivery.attempt + further);
    const known = await findAttempts(
      store,
      contested.flatMap((one) => [idOf(one), idOf(one, 1)]),
    );
    const ends: Ended[] = [];
    const leased: { readonly one: Open; readonly until: number }[] = [];
    const over: Ended[] = [];
    for (const one of contested) {
      // Whoever has the attempt after it carries on.
      if (known.has(idOf(one, 1))) continue;
      const found = known.get(idOf(one));
      invariant(found !== undefined, "an attempt that is claimed is there");
      const { attempt, result } = found;
      const { delivery } = one;
      const until = attempt.leaseUntil.getTime() + SKEW_MS;
      if (result !== undefined) ends.push({ delivery, ended: { ...result, account: attempt.accountId } });
      else if (until > Date.now()) leased.push({ one, until });
      else over.push({ delivery, ended: toLost(attempt) });
    }
    const now = Date.now();
    await this.#hold(
      leased.map(({ one }) => one),
      "leased",
      (index) => (leased[index]?.until ?? now) - now,
    );
    for (const { delivery } of over)
      this.#options.log.warn(
        { event: "lease_over", channel: toOutsideChannel(delivery.channel) },
        "whoever had this attempt has not said how it ended",
      );
    return [...ends, ...(await this.#settle(over))];
  }
}
