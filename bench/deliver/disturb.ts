import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../src/start/index.ts";
import type { Recorder } from "./start-recorder.ts";

export type DisturbOptions = {
  readonly engine: Engine;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Between two of them, ms. */
  readonly everyMs: number;
};

const pauseMs = 1_500;

/** Does one thing after another to what delivers, until the signal: kills, pauses and slows down workers, provider and NATS.
 *  @returns how much was done. */
export async function disturb({ engine, recorder, signal, say, everyMs }: DisturbOptions): Promise<number> {
  const pause = async (act: (name: NodeJS.Signals) => void) => {
    act("SIGSTOP");
    await delay(pauseMs);
    act("SIGCONT");
  };
  const slowly = async (act: () => void) => {
    recorder.kill("SIGUSR2");
    await delay(pauseMs);
    act();
    recorder.kill("SIGUSR2");
  };
  const deeds: readonly (readonly [string, () => Promise<void> | void])[] = [
    ["kill -9 of the workers, with a slow provider", () => slowly(() => engine.kill("deliver", "SIGKILL"))],
    ["pause of the provider", () => pause((name) => recorder.kill(name))],
    ["kill -9 of NATS", () => engine.servers.nats?.kill("SIGKILL")],
    ["pause of the workers", () => pause((name) => engine.kill("deliver", name))],
    [
      "kill -9 of the provider, in the middle of calls",
      async () => {
        await slowly(() => recorder.kill("SIGKILL"));
        await recorder.restart();
      },
    ],
    ["a slow provider", () => slowly(() => undefined)],
    ["kill -9 of the workers", () => engine.kill("deliver", "SIGKILL")],
    ["kill -9 of who decides", () => engine.kill("decide", "SIGKILL")],
  ];
  let done = 0;
  while (!signal.aborted) {
    const [name, act] = deeds[done % deeds.length] ?? ["nothing", () => undefined];
    say(`  ${name}`);
    await act();
    done += 1;
    await delay(everyMs, undefined, { signal }).catch(() => undefined);
  }
  return done;
}
