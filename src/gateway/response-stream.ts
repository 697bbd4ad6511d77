import type { HttpResponse } from "uWebSockets.js";

/** A response that is written piece by piece. */
export class ResponseStream {
  readonly #response: HttpResponse;
  readonly #isGone: () => boolean;
  #pendingBytes = 0;
  #waiting: (() => void)[] = [];
  #isEnded = false;

  /** @param isGone whether the client has gone: then the response may not be touched any more. */
  constructor(response: HttpResponse, isGone: () => boolean) {
    this.#response = response;
    this.#isGone = isGone;
    response.onWritable(() => {
      this.#pendingBytes = 0;
      this.#wake();
      return true;
    });
  }

  get isOpen(): boolean {
    return !this.#isEnded && !this.#isGone();
  }

  /** Bytes written since the client last kept up. */
  get bufferedBytes(): number {
    return this.#pendingBytes;
  }

  /** @returns whether the client keeps up; if not, `writable` tells when it does again. */
  write(chunk: Uint8Array | string): boolean {
    if (!this.isOpen || chunk.length === 0) return true;
    let isTaken = true;
    this.#response.cork(() => {
      isTaken = this.#response.write(chunk);
    });
    if (!isTaken || this.#pendingBytes > 0) this.#pendingBytes += chunk.length;
    return isTaken;
  }

  /** Resolves when the client has taken what was written, or is gone. */
  async writable(): Promise<void> {
    if (this.isOpen && this.#pendingBytes > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    if (!this.isOpen) return;
    this.#isEnded = true;
    this.#response.cork(() => void this.#response.end());
    this.#wake();
  }

  /** Breaks the connection off, so that the client sees that something is missing. */
  abort(): void {
    if (!this.isOpen) return;
    this.#isEnded = true;
    this.#response.close();
    this.#wake();
  }

  /** The client is gone. */
  gone(): void {
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
