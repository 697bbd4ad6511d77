import type { Server as Http1Server } from "node:http";
import type { Http2Server } from "node:http2";
import type { Socket } from "node:net";

/** Where connections go, and how long they may stay silent before they say which protocol they speak. */
export type Split = { readonly http1: Http1Server; readonly http2: Http2Server; readonly firstBytesMsMax: number };

/** HTTP/2 in clear text begins with `PRI * HTTP/2.0` (RFC 9113, 3.4); no method of HTTP/1.1 begins with these letters. */
const PREFACE = "PRI";

/** Takes connections for both. */
export type Splitter = {
  readonly onConnection: (socket: Socket) => void;
  /** Ends the connections that have not said yet what they speak. */
  readonly closeSilent: () => void;
};

/** Looks at the first bytes of a connection, puts them back, and hands it to the server that speaks its protocol. */
export function splitProtocols({ http1, http2, firstBytesMsMax }: Split): Splitter {
  const silent = new Set<Socket>();
  return {
    closeSilent() {
      for (const socket of silent) socket.destroy();
    },
    onConnection(socket) {
      const head: Buffer[] = [];
      const giveUp = () => socket.destroy();
      const forget = () => silent.delete(socket);
      silent.add(socket);
      socket.once("close", forget);
      socket.setTimeout(firstBytesMsMax, giveUp);
      // A client that vanishes before it has said anything is nothing to report; later errors are its server's to handle.
      socket.on("error", giveUp);
      socket.once("end", giveUp);
      socket.on("data", onData);

      function onData(chunk: Buffer): void {
        head.push(chunk);
        const start = Buffer.concat(head);
        const isOpen = start.length < PREFACE.length && PREFACE.startsWith(start.toString("latin1"));
        if (isOpen) return;
        forget();
        socket.off("data", onData);
        socket.off("end", giveUp);
        socket.off("error", giveUp);
        socket.off("close", forget);
        socket.off("timeout", giveUp);
        socket.setTimeout(0);
        socket.pause();
        socket.unshift(start);
        const server = start.toString("latin1", 0, PREFACE.length) === PREFACE ? http2 : http1;
        server.emit("connection", socket);
        if (server === http1) socket.resume();
      }
    },
  };
}
