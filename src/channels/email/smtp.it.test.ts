import type { AddressInfo } from "node:net";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import { expect, it } from "vitest";
import { State } from "../../../gen/intervention/v1/intervention_pb.js";
import { startDelivering } from "../../roles/testing/start-delivering.ts";
import { until } from "../../testing/until.ts";
import { smtpProvider } from "./smtp.ts";

it("an accepted intervention arrives at a mail server, once, and its attempts and state say so", async () => {
  const mails: string[] = [];
  const server = new SMTPServer({
    ...{ disabledCommands: ["STARTTLS"], allowInsecureAuth: true, closeTimeout: 100 },
    onAuth: ({ username, password }, _, done) =>
      password === "right"
        ? done(null, { user: username })
        : done(Object.assign(new Error("no"), { responseCode: 535 })),
    onData: async (stream, _, done) => {
      let raw = "";
      for await (const chunk of stream) raw += String(chunk);
      mails.push(raw);
      done();
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  const known = smtpProvider({ allowPrivate: true });
  await using engine = await startDelivering([{ known }]);
  await engine.addAccount({ known }, {}, { host: "127.0.0.1", port, user: "shop", password: "right" });
  await engine.startDecide();
  await using _worker = await engine.startWorker();
  const id = await engine.accept();
  await engine.reached(id, State.SENT);
  await until(() => mails.length > 0, "the mail");
  expect(mails).toHaveLength(1);
  expect(await simpleParser(mails[0] ?? "")).toMatchObject({
    subject: "Your order is late",
    from: { value: [{ address: "shop@example.com" }] },
    html: expect.stringContaining("By a day."),
  });
  expect(await engine.attemptsOf(id)).toMatchObject([
    { attempt: { provider: "smtp" }, result: { outcome: "sent", providerMessageId: expect.stringContaining("250") } },
  ]);
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

it("an account whose mail server refuses its password is paused, and the delivery waits for another", async () => {
  const server = new SMTPServer({
    ...{ disabledCommands: ["STARTTLS"], allowInsecureAuth: true, closeTimeout: 100 },
    onAuth: (_, __, done) => done(Object.assign(new Error("no"), { responseCode: 535 })),
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  const known = smtpProvider({ allowPrivate: true });
  await using engine = await startDelivering([{ known }]);
  const account = await engine.addAccount({ known }, {}, { host: "127.0.0.1", port, user: "shop", password: "old" });
  await engine.startDecide();
  await using _worker = await engine.startWorker();
  await engine.accept();
  const paused = await until(
    () => engine.store.providerAccounts.findOne({ _id: account, state: "paused" }),
    "the account paused",
  );
  expect(paused.reason).toContain("535");
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
