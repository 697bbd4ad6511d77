import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { headers } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { API_SERVICES } from "./api-routes.ts";
import { GrpcClient } from "./testing/grpc-client.ts";
import { startApi } from "./testing/start-api.ts";

const OPERATIONS = "intervention.v1.OperationsService";

describe("what tools and operators call", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  let isReady = true;
  let client: GrpcClient;
  let anybody: GrpcClient;
  beforeAll(async () => {
    api = await startApi({ readiness: () => ({ ok: isReady, reasons: [] }) });
    client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
    anybody = new GrpcClient(api.address, {});
  });
  afterAll(async () => {
    client.close();
    anybody.close();
    await api[Symbol.asyncDispose]();
  });

  describe("OperationsService", () => {
    async function bury(workspace: string, key: string): Promise<string> {
      const letter = headers();
      letter.set("Dead-Stream", "TRACKING");
      letter.set("Dead-Subject", api.bus.subjects.track(workspace, "displayed"));
      letter.set("Dead-Error", `broken ${key}`);
      letter.set("Dead-Attempts", "5");
      letter.set("own", key);
      const ack = await api.bus.js.publish(api.bus.subjects.dead(workspace, "TRACKING", "failed"), key, {
        headers: letter,
      });
      return String(ack.seq);
    }

    it("lists nothing when nothing is dead", async () => {
      expect(await client.call(`${OPERATIONS}/ListDeadLetters`, {})).toMatchObject({
        code: 0,
        body: { deadLetters: [], nextPageToken: "" },
      });
    });

    it("lists a workspace's letters oldest first, replays one and drops another, each once", async () => {
      const first = await bury("main", "one");
      await bury("other", "foreign");
      const second = await bury("main", "two");
      const page = await client.call(`${OPERATIONS}/ListDeadLetters`, { pageSize: 1 });
      expect(page.body.deadLetters).toMatchObject([
        {
          sequence: first,
          stream: "TRACKING",
          reason: "failed",
          error: "broken one",
          attempts: 5,
          headers: { own: "one" },
        },
      ]);
      const rest = await client.call(`${OPERATIONS}/ListDeadLetters`, {
        pageSize: 1,
        pageToken: page.body.nextPageToken,
      });
      expect(rest.body).toMatchObject({ deadLetters: [{ sequence: second }], nextPageToken: "" });

      expect(await client.call(`${OPERATIONS}/ReplayDeadLetter`, { sequence: first })).toMatchObject({ code: 0 });
      const replayed = await api.bus.jsm.streams.getMessage(api.bus.subjects.stream("TRACKING"), {
        last_by_subj: api.bus.subjects.track("main", "displayed"),
      });
      expect(replayed?.string()).toBe("one");
      expect(await client.call(`${OPERATIONS}/ReplayDeadLetter`, { sequence: first })).toMatchObject({ code: 5 });
      expect(await client.call(`${OPERATIONS}/DropDeadLetter`, { sequence: second })).toMatchObject({ code: 0 });
      expect((await client.call(`${OPERATIONS}/ListDeadLetters`, {})).body).toMatchObject({ deadLetters: [] });
    });

    it.each(["0", "999999", "18446744073709551615"])("does not know letter %s", async (sequence) => {
      expect(await client.call(`${OPERATIONS}/DropDeadLetter`, { sequence })).toMatchObject({ code: 5 });
    });

    it("does not know another workspace's letter", async () => {
      const foreign = await bury("other", "foreign");
      expect(await client.call(`${OPERATIONS}/DropDeadLetter`, { sequence: foreign })).toMatchObject({ code: 5 });
    });
  });

  describe("grpc.health.v1", () => {
    it("tells anybody whether the engine can work now, as a whole and by service", async () => {
      for (const service of ["", "intervention.v1.InterventionService"])
        expect((await anybody.call("grpc.health.v1.Health/Check", { service })).body).toEqual({ status: "SERVING" });
      expect(await anybody.call("grpc.health.v1.Health/Check", { service: "unknown" })).toMatchObject({ code: 5 });
      expect((await anybody.call("grpc.health.v1.Health/List", {})).body).toMatchObject({
        statuses: { "intervention.v1.InboxService": { status: "SERVING" } },
      });
    });

    it("tells who watches of every change", async () => {
      const stream = anybody.serverStream("grpc.health.v1.Health/Watch", {});
      const heard: string[] = [];
      stream.on("data", ({ status }: { status: string }) => heard.push(status));
      stream.on("error", () => {});
      await expect.poll(() => heard).toEqual(["SERVING"]);
      isReady = false;
      await expect.poll(() => heard, { timeout: 5_000 }).toEqual(["SERVING", "NOT_SERVING"]);
      isReady = true;
      await expect.poll(() => heard, { timeout: 5_000 }).toEqual(["SERVING", "NOT_SERVING", "SERVING"]);
      stream.cancel();
    });
  });

  describe.each(["grpc.reflection.v1", "grpc.reflection.v1alpha"])("%s", (version) => {
    async function ask(...questions: readonly object[]): Promise<Record<string, unknown>[]> {
      const stream = anybody.bidiStream(`${version}.ServerReflection/ServerReflectionInfo`);
      const answers: Record<string, unknown>[] = [];
      stream.on("data", (answer) => answers.push(answer));
      const ended = new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
      for (const question of questions) stream.write(question);
      stream.end();
      await ended;
      return answers;
    }

    it("lists every service", async () => {
      const [answer] = await ask({ listServices: "" });
      const { service } = (answer?.listServicesResponse ?? {}) as { service: { name: string }[] };
      expect(new Set(service.map(({ name }) => name))).toEqual(
        new Set([
          "grpc.health.v1.Health",
          "grpc.reflection.v1.ServerReflection",
          "grpc.reflection.v1alpha.ServerReflection",
          ...API_SERVICES.map(({ typeName }) => typeName),
        ]),
      );
    });

    it("gives the file of a symbol or a name with all that it needs, first itself", async () => {
      const [bySymbol, byName, byMethod, detail] = await ask(
        { fileContainingSymbol: "intervention.v1.InterventionService" },
        { fileByFilename: "intervention/v1/intervention_service.proto" },
        { fileContainingSymbol: "intervention.v1.InterventionService.Trigger" },
        { fileContainingSymbol: "google.rpc.BadRequest" },
      );
      const found = (bySymbol?.fileDescriptorResponse ?? { fileDescriptorProto: [] }) as {
        fileDescriptorProto: Buffer[];
      };
      const files = found.fileDescriptorProto.map((bytes) => bytes.toString("latin1"));
      const needed = [...listNeeded("intervention/v1/intervention_service.proto")];
      // A descriptor begins with its file's name: tag 1, its length, and the name.
      expect(files).toHaveLength(needed.length);
      expect(new Set(files.map((file) => file.slice(2, 2 + file.charCodeAt(1))))).toEqual(new Set(needed));
      expect(files[0]).toContain(needed[0]);
      expect(byName?.fileDescriptorResponse).toEqual(bySymbol?.fileDescriptorResponse);
      expect(byMethod?.fileDescriptorResponse).toEqual(bySymbol?.fileDescriptorResponse);
      expect(detail?.fileDescriptorResponse).not.toBeNull();
    });

    it("says what it does not know, and goes on", async () => {
      expect(
        await ask({ fileByFilename: "no.proto" }, { fileContainingSymbol: "no.Symbol" }, { listServices: "" }),
      ).toMatchObject([
        { errorResponse: { errorCode: 5 } },
        { errorResponse: { errorCode: 5 } },
        { listServicesResponse: {} },
      ]);
    });
  });
});

/** A file and all that it imports, by the text of the protos; what Google's own import is not looked into. */
function listNeeded(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  const path = fileURLToPath(new URL(`../../proto/${name}`, import.meta.url));
  if (!existsSync(path)) return found;
  for (const [, imported = ""] of readFileSync(path, "utf8").matchAll(/^import "([^"]+)";$/gm))
    listNeeded(imported, found);
  return found;
}
