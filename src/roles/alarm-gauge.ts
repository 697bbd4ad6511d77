import { ALARM_KINDS } from "../domain/analytics/find-alarms.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import type { Metrics } from "../observe/index.ts";
import { findCurrentAlarms, type Store } from "../store/index.ts";

const LOOK_EVERY_MS = 60_000;

/** Publishes how many alarms there are, of the workspaces whose figures this process reckons. */
export class AlarmGauge {
  readonly #options: { readonly store: Store; readonly metrics: Pick<Metrics, "alarms">; readonly now: () => Date };
  readonly #known = new Map<string, { readonly atMs: number; readonly kinds: readonly string[] }>();

  constructor(options: { readonly store: Store; readonly metrics: Pick<Metrics, "alarms">; readonly now: () => Date }) {
    this.#options = options;
  }

  /** Looks at a workspace, once a minute however often it is asked to. */
  async look({ id, alarms: thresholds }: Pick<Workspace, "id" | "alarms">): Promise<void> {
    const now = this.#options.now();
    if (now.getTime() - (this.#known.get(id)?.atMs ?? Number.NEGATIVE_INFINITY) < LOOK_EVERY_MS) return;
    const found = await findCurrentAlarms(this.#options.store, id, { thresholds, now });
    this.#known.set(id, { atMs: now.getTime(), kinds: found.map(({ kind }) => kind) });
    this.#publish();
  }

  /** Another process looks at a workspace now. */
  leave(workspaceId: string): void {
    if (this.#known.delete(workspaceId)) this.#publish();
  }

  #publish(): void {
    const kinds = [...this.#known.values()].flatMap((one) => one.kinds);
    for (const kind of ALARM_KINDS)
      this.#options.metrics.alarms.set({ kind }, kinds.filter((one) => one === kind).length);
  }
}
