/** The intended time of number n: `startMs` and so many batches of `batch` at `rate` a second. Numbers below 0 are the warm-up. */
export type Schedule = { readonly startMs: number; readonly rate: number; readonly batch: number };

export function intendedMs({ startMs, rate, batch }: Schedule, n: number): number {
  return startMs + (Math.floor(n / batch) * batch * 1_000) / rate;
}

/** Carries the number of an intervention to the receiver and back; NaN when a title has none. */
export const titleOf = (n: number) => `Offer ${n}`;
export const numberOf = (title: string) => Number.parseInt(title.slice("Offer ".length), 10);

/** Carries the number of a prediction into the ledger; NaN when there is none. */
export const predictionIdOf = (n: number) => `bench/${n}`;
export const numberOfPrediction = (id: string) => Number.parseInt(id.slice("bench/".length), 10);

/** How interventions are made: by Trigger calls, or by predictions that a campaign waits for. */
export type Via = "rpc" | "prediction";

export type Caller = "grpc" | "connect";

export type ToSender =
  | {
      readonly kind: "prepare";
      readonly caller: Caller;
      readonly url: string;
      readonly apiKey: string;
      readonly users: number;
      /** From which number to which, the last not included. */
      readonly from: number;
      readonly to: number;
      readonly batch: number;
    }
  | { readonly kind: "start"; readonly schedule: Schedule };

export type ToPredictionSender =
  | {
      readonly kind: "prepare";
      readonly natsUrl: string;
      readonly subject: string;
      readonly users: number;
      /** From which number to which, the last not included. */
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: "start"; readonly schedule: Schedule };

export type FromSender =
  | { readonly kind: "prepared" }
  | {
      readonly kind: "sent";
      /** Ids of what was accepted, or of the predictions that were stored, without the warm-up. */
      readonly accepted: readonly string[];
      /** Requests that were not, by reason. */
      readonly failed: Readonly<Record<string, number>>;
      /** How late the sender itself was at worst, ms: a part of every latency that is not the engine's. */
      readonly lateMsMax: number;
      readonly cpuS: number;
    };

export type ToReceiver =
  | { readonly kind: "open"; readonly edgeUrl: string; readonly tokens: readonly string[] }
  | { readonly kind: "start"; readonly schedule: Schedule }
  | { readonly kind: "count" }
  | { readonly kind: "finish" };

export type FromReceiver =
  | { readonly kind: "opened" }
  | { readonly kind: "counted"; readonly received: number; readonly untracked: number }
  | {
      readonly kind: "finished";
      /** Ids of what came, each once, without the warm-up. */
      readonly ids: readonly string[];
      /** How often something came that had come before. */
      readonly twice: number;
      /** Of the intended send, as `Latencies.toText`. */
      readonly latencies: string;
      /** What says no number: its id, and when it came by the machine's clock, ms; with the warm-up. */
      readonly arrivals: readonly (readonly [id: string, ms: number])[];
      /** Sockets that the engine closed. */
      readonly closed: number;
      /** Faults that came, by reason. */
      readonly faults: Readonly<Record<string, number>>;
      readonly cpuS: number;
    };

export type ToNoisy =
  | {
      readonly kind: "prepare";
      readonly url: string;
      readonly apiKey: string;
      readonly users: number;
      /** To a TriggerBatch. */
      readonly batch: number;
      /** Calls under way at any time. */
      readonly callsAtOnce: number;
    }
  | { readonly kind: "start" }
  | { readonly kind: "stop" };

export type FromNoisy =
  | { readonly kind: "prepared" }
  | {
      readonly kind: "stopped";
      readonly accepted: number;
      readonly refused: number;
      /** What was refused or failed, by reason. */
      readonly reasons: Readonly<Record<string, number>>;
      readonly tookS: number;
      readonly cpuS: number;
    };
