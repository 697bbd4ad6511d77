import { channel } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { MongoClient } from "mongodb";

/** Breaks a database's connection off as soon as the server has ended it.
 *
 *  Between the end of a socket and its `close` event the driver (7.9) takes the connection for a live one: a command written to it
 *  then waits for a `drain` that never comes, for ever and past every time-out of the driver's own, and keeps its place in the pool.
 *  An error tells the driver at once, before anything else runs in this process.
 *  @returns how to stop. */
export function closeEndedSockets(client: MongoClient): () => void {
  const ports = new Set<number>();
  client.on("serverOpening", ({ address }) => ports.add(Number(address.slice(address.lastIndexOf(":") + 1))));
  const watch = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket };
    socket.once("connect", () => {
      if (!ports.has(socket.remotePort ?? 0)) return;
      socket.once("end", () => socket.destroy(new Error("the server ended the connection")));
    });
  };
  const sockets = channel("net.client.socket");
  sockets.subscribe(watch);
  return () => void sockets.unsubscribe(watch);
}
