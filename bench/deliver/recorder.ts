import { fsyncSync, openSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

/** A provider as a process of its own: it takes what relays hand it, and answers when a line for each message is synced to the
 *  file, whatever becomes of the answer. SIGUSR2 makes it slow, or quick again.
 *
 *  `node bench/deliver/recorder.ts PORT FILE` */
const [port = "0", path = ""] = process.argv.slice(2);
const slowMs = 400;
const body = z.object({ messages: z.array(z.object({ delivery_id: z.string(), attempt: z.number() })) });

const file = openSync(path, "a");
let isSlow = false;
process.on("SIGUSR2", () => {
  isSlow = !isSlow;
});

const server = createServer(async (request, response) => {
  if (request.method === "GET") return response.end("{}");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (isSlow) await delay(slowMs);
  const { messages } = body.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
  writeSync(file, messages.map(({ delivery_id: id, attempt }) => `${id} ${attempt}\n`).join(""));
  fsyncSync(file);
  const results = messages.map(({ delivery_id: id }) => ({ kind: "sent", providerMessageId: id }));
  return response.end(JSON.stringify({ results }));
});
server.listen(Number(port), "127.0.0.1", () => process.send?.("ready"));
// Nobody reads what is recorded by one whose parent is gone.
process.on("disconnect", () => process.exit(0));
