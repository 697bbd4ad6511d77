import { type EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import { tiedSpawn } from "../../deploy/setup/tied-spawn.mjs";

type Message = { readonly kind: string };

/** One end of the pipe between the bench and a load process. Both ends are ours and of one version, so that the kind of a message
 *  tells its type. */
export type Channel<In extends Message, Out extends Message> = {
  send(message: Out): void;
  /** Resolves with the next message of this kind. @throws Error when the other end is gone before. */
  next<Kind extends In["kind"]>(kind: Kind): Promise<Extract<In, { readonly kind: Kind }>>;
};

export type LoadProcess<In extends Message, Out extends Message> = Channel<In, Out> & AsyncDisposable;

/** Starts a program of this folder in a process of its own, which ends with us. Its output goes to stderr, since stdout carries
 *  the result. */
export function startLoadProcess<In extends Message, Out extends Message>(program: string): LoadProcess<In, Out> {
  const path = fileURLToPath(new URL(`./${program}`, import.meta.url));
  const child = tiedSpawn(process.execPath, ["--disable-warning=ExperimentalWarning", path], {
    stdio: ["ignore", process.stderr.fd, process.stderr.fd, "ipc"],
    serialization: "advanced",
  });
  const ended = once(child, "exit");
  return {
    ...toChannel<In, Out>(child, program),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The load process's own end. */
export function parentChannel<In extends Message, Out extends Message>(): Channel<In, Out> {
  return toChannel<In, Out>(process, "the bench");
}

/** A child process or this one. */
type End = EventEmitter & { readonly send?: ((message: object) => unknown) | undefined };

function toChannel<In extends Message, Out extends Message>(end: End, name: string): Channel<In, Out> {
  return {
    send: (message) => void end.send?.(message),
    next: (kind) =>
      new Promise((resolve, reject) => {
        const onMessage = (message: unknown) => {
          if (!isKind(message, kind)) return;
          stop();
          resolve(message);
        };
        const onGone = () => {
          stop();
          reject(new Error(`${name} ended while "${kind}" was awaited of it`));
        };
        const stop = () => {
          end.off("message", onMessage);
          end.off("disconnect", onGone);
        };
        end.on("message", onMessage);
        end.on("disconnect", onGone);
      }),
  };

  function isKind<Kind extends In["kind"]>(
    message: unknown,
    kind: Kind,
  ): message is Extract<In, { readonly kind: Kind }> {
    return typeof message === "object" && message !== null && "kind" in message && message.kind === kind;
  }
}
