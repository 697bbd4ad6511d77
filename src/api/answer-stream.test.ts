import pino from "pino";
import { describe, expect, it } from "vitest";
import { Unavailable } from "../domain/errors.ts";
import { answerStream } from "./answer-stream.ts";

const log = pino({ level: "silent" });
const IN_FLIGHT_MAX = 256;

describe("a stream of answers", () => {
  it("answers all that it has taken when the server drains, though the next request fails of it while there is no room", async () => {
    const drain = new AbortController();
    const release = Promise.withResolvers<void>();
    async function* requests() {
      for (let n = 0; n < IN_FLIGHT_MAX; n += 1) yield n;
      await new Promise<void>((resolve) => drain.signal.addEventListener("abort", () => resolve(), { once: true }));
      throw new Unavailable("engine");
    }
    const answers: number[] = [];
    let taken = 0;
    const read = async () => {
      const options = {
        ...{ log, drain: drain.signal, signal: new AbortController().signal },
        answer: async (n: number) => {
          taken += 1;
          if (taken === IN_FLIGHT_MAX) setImmediate(() => drain.abort());
          await release.promise;
          return n;
        },
      };
      for await (const answer of answerStream(requests(), options)) answers.push(answer);
    };
    const reading = read();
    drain.signal.addEventListener("abort", () => setTimeout(() => release.resolve(), 10));
    await expect(reading).rejects.toBeInstanceOf(Unavailable);
    expect(answers).toHaveLength(IN_FLIGHT_MAX);
  });
});
