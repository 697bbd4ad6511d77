import { JetStreamApiError } from "@nats-io/jetstream";
import { RequestError, TimeoutError } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { Unavailable } from "../domain/errors.ts";
import { whenItAnswers } from "./when-it-answers.ts";

const apiError = (code: number, errorCode: number) =>
  new JetStreamApiError({ code, err_code: errorCode, description: "" });

describe("waiting for JetStream at a start", () => {
  it.each([
    ["a request timed out", new TimeoutError()],
    ["the connection broke", new RequestError("connection disconnected")],
    [
      "nobody answers for JetStream",
      new Error("jetstream is not enabled", { cause: new RequestError("no responders") }),
    ],
    ["there is no leader", apiError(503, 10008)],
    ["the nodes do not know each other yet", apiError(400, 10005)],
  ])("tries again when %s", async (_, error) => {
    let tries = 0;
    const task = async () => {
      tries += 1;
      if (tries === 1) throw error;
      return tries;
    };
    await expect(whenItAnswers(task)).resolves.toBe(2);
  });

  it("gives up with Unavailable and the last cause", async () => {
    const cause = new TimeoutError();
    const failed = whenItAnswers(() => Promise.reject(cause), 0);
    await expect(failed).rejects.toThrow(Unavailable);
    await expect(failed).rejects.toMatchObject({ part: "bus", cause });
  });

  it("passes on at once what no waiting would change", async () => {
    const refusal = apiError(400, 10058);
    await expect(whenItAnswers(() => Promise.reject(refusal))).rejects.toBe(refusal);
  });
});
