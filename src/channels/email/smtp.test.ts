import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { simpleParser } from "mailparser";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { describe, expect, it, test } from "vitest";
import { inTime, outgoing } from "../testing/outgoing.ts";
import { smtpProvider, toSmtpResult } from "./smtp.ts";

const provider = smtpProvider({ allowPrivate: true });

async function startServer(options: SMTPServerOptions = {}) {
  const mails: { readonly to: string[]; readonly raw: string }[] = [];
  const server = new SMTPServer({
    ...{ authOptional: true, closeTimeout: 100 },
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _, done) =>
      username === "shop" && password === "right"
        ? done(null, { user: username })
        : done(Object.assign(new Error("not accepted"), { responseCode: 535 })),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        mails.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
        });
        done();
      });
    },
    ...options,
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  const open = (more: object = {}) => provider.open({ host: "127.0.0.1", port, ...more });
  return {
    mails,
    port,
    open,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

describe("smtp", () => {
  it("hands over text and HTML as an independent parser reads them, with a Message-ID that stays", async () => {
    await using server = await startServer();
    const sender = server.open({ user: "shop", password: "right" });
    const first = outgoing("email", "ada@example.com");
    expect(await sender.send([first, { ...first, attempt: 2 }], inTime())).toMatchObject([
      { kind: "sent" },
      { kind: "sent" },
    ]);
    await sender.close();
    const [one, two] = await Promise.all(server.mails.map(({ raw }) => simpleParser(raw)));
    expect(one).toMatchObject({
      subject: "Ihr Warenkorb: 2 Stühle für 99 €",
      text: expect.stringContaining("Noch da? Größe"),
      html: expect.stringContaining("<b>Größe</b>"),
      from: { value: [{ name: "Möbel & Söhne", address: "shop@shop.example" }] },
    });
    expect(one?.headers.get("list")).toMatchObject({
      unsubscribe: { url: "https://shop.example/u/abc" },
      "unsubscribe-post": { name: "List-Unsubscribe=One-Click" },
    });
    expect(one?.messageId).toMatch(/^<[0-9a-f]{32}@shop\.example>$/);
    expect(two?.messageId).toBe(one?.messageId);
    expect(server.mails[0]?.to).toEqual(["ada@example.com"]);
  });

  it("lets no text begin a header of its own, and no name another recipient", async () => {
    await using server = await startServer();
    const sender = server.open();
    const hostile = "Hi\r\nBcc: eve@example.com\r\n\r\n<script>";
    const content = {
      subject: hostile,
      replyTo: `shop@shop.example\r\nCc: eve@example.com`,
      headers: { "X-Note": hostile },
    };
    await sender.send([outgoing("email", "ada@example.com", { content })], inTime());
    await sender.close();
    const mail = await simpleParser(server.mails[0]?.raw ?? "");
    expect([mail.bcc, mail.cc]).toEqual([undefined, undefined]);
    expect(server.mails.flatMap(({ to }) => to)).toEqual(["ada@example.com"]);
    expect(mail.text).toContain("Noch da?");
  });

  it.each([
    ["550 5.1.1 no such user", "suppress"],
    ["550 5.1.2 no such domain", "suppress"],
    ["550 5.7.1 not wanted here", "give_up"],
    ["552 5.2.2 mailbox full", "give_up"],
    ["450 4.2.1 greylisted", "retry"],
    ["530 5.7.0 authenticate first", "bad_credential"],
  ] as const)("takes a refused recipient, %s, as %s", async (said, kind) => {
    const [status = "", ...words] = said.split(" ");
    await using server = await startServer({
      onRcptTo: (_, __, done) => done(Object.assign(new Error(words.join(" ")), { responseCode: Number(status) })),
    });
    const sender = server.open();
    const [result] = await sender.send([outgoing("email", "ada@example.com")], inTime());
    await sender.close();
    expect(result).toMatchObject({ kind, reason: expect.stringContaining(words.join(" ")) });
    expect(JSON.stringify(result)).not.toContain("ada@example.com");
  });

  it("says that a credential is refused, when it is checked and when it is used", async () => {
    await using server = await startServer();
    const bad = server.open({ user: "shop", password: "wrong" });
    expect(await bad.check(inTime())).toMatchObject({ ok: false, reason: expect.stringContaining("535") });
    expect(await bad.send([outgoing("email", "ada@example.com")], inTime())).toMatchObject([
      { kind: "bad_credential" },
    ]);
    await bad.close();
    const good = server.open({ user: "shop", password: "right" });
    expect(await good.check(inTime())).toEqual({ ok: true });
    await good.close();
    expect(server.mails).toEqual([]);
  });

  it("does not know what became of a message whose server falls silent after it had begun to leave", async () => {
    await using server = await startServer({
      onData: (stream) => void stream.resume().on("end", () => stream.destroy()),
    });
    const sender = server.open();
    expect(await sender.send([outgoing("email", "ada@example.com")], inTime(1_500))).toMatchObject([
      { kind: "unknown" },
    ]);
    await sender.close();
  });

  it("tries again where nobody listens, and where the greeting never comes", async () => {
    const silent = createServer((socket) => void socket.destroy());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    for (const listening of [true, false]) {
      if (!listening) await new Promise((resolve) => silent.close(resolve));
      const sender = provider.open({ host: "127.0.0.1", port });
      expect(await sender.send([outgoing("email", "ada@example.com")], inTime())).toMatchObject([{ kind: "retry" }]);
      expect(await sender.check(inTime())).toMatchObject({ ok: false });
      await sender.close();
    }
  });

  it("goes to no network of ours, unless that is allowed", () => {
    expect(() => smtpProvider({ allowPrivate: false }).open({ host: "127.0.0.1", port: 25 })).toThrow(/not public/);
  });
});

test.each([
  [{ responseCode: 554, response: "554 5.6.0 content refused", command: "DATA" }, true, "give_up"],
  [{ responseCode: 552, response: "552 5.3.4 too big", command: "MAIL FROM" }, false, "give_up"],
  [{ responseCode: 421, response: "421 4.7.0 too many" }, false, "retry"],
  [{ code: "ETLS", message: "no STARTTLS" }, false, "bad_credential"],
  [{ code: "ECONNECTION", message: "closed" }, true, "unknown"],
  [{ code: "ETIMEDOUT", message: "greeting never received" }, false, "retry"],
] as const)("%o is taken as it should be", (error, isBegun, kind) => {
  expect(toSmtpResult(Object.assign(new Error(""), error), isBegun).kind).toBe(kind);
});
