/** What keeping something fresh takes. */
export type KeptFreshOptions = {
  /** Reads it again, and rejects when that can't be. */
  readonly refresh: () => Promise<unknown>;
  /** What was known stays in force. */
  readonly onStale: (error: unknown) => void;
  /** It is read again this often, whether or not anybody tells of a change: the word of one may be lost. Default: each second. */
  readonly everyMs?: number | undefined;
};

const REFRESH_MS = 1_000;

/** Has something read again and again, and at once when somebody tells of a change: never twice at a time. */
export class KeptFresh {
  readonly #options: KeptFreshOptions;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #isWanted = false;
  #isStopped = false;

  constructor(options: KeptFreshOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.now(), options.everyMs ?? REFRESH_MS);
  }

  /** Reads it again. Never rejects. Resolves when all that had changed by now is in force, or could not be read: a reading that is
   *  under way may have begun before, so that another one follows it. */
  async now(): Promise<void> {
    if (this.#isStopped) return;
    this.#isWanted = true;
    this.#running ??= this.#run();
    await this.#running;
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async #run(): Promise<void> {
    try {
      while (this.#isWanted && !this.#isStopped) {
        this.#isWanted = false;
        await this.#options.refresh().catch(this.#options.onStale);
      }
    } finally {
      this.#running = undefined;
    }
  }
}
