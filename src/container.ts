/** A part of the program. What it needs it asks the container for; what it opened it closes in `stop`. */
export type Service<T> = {
  readonly start: (container: Container) => Promise<T> | T;
  /** Called in the reverse order of starting, with what `start` returned. */
  stop?(value: T): PromiseLike<void> | void;
};

/** Names a part and carries its type. */
export type ServiceKey<T> = { readonly name: string; readonly service: Service<T> };

/** What a starting part may ask for. */
export type Container = { readonly get: <T>(key: ServiceKey<T>) => Promise<T> };

/** Defines a part; `ServiceContainer.replace` puts another in its place. */
export function defineService<T>(name: string, service: Service<T>): ServiceKey<T> {
  return { name, service };
}

/** Starts parts on first use, each once, after what it asks for; stops them in reverse.
 *  A part that fails to start fails everyone who asks for it, and what had started is still stopped. */
export class ServiceContainer implements Container, AsyncDisposable {
  readonly #replaced = new Map<string, Service<unknown>>();
  readonly #started = new Map<string, { readonly key: unknown; readonly value: Promise<unknown> }>();
  readonly #stops: { readonly name: string; readonly stop: () => PromiseLike<void> | void }[] = [];
  #isStopping = false;

  /** Puts another part in the place of `key`, for a test. Only before it is first used. */
  replace<T>(key: ServiceKey<T>, service: Service<T>): this {
    if (this.#started.has(key.name)) throw new Error(`"${key.name}" has been started already: replace it before`);
    this.#replaced.set(key.name, service as Service<unknown>);
    return this;
  }

  get<T>(key: ServiceKey<T>): Promise<T> {
    return this.#get(key, []);
  }

  #get<T>(key: ServiceKey<T>, path: readonly string[]): Promise<T> {
    if (this.#isStopping) return Promise.reject(new Error(`"${key.name}" is asked for while stopping`));
    if (path.includes(key.name))
      return Promise.reject(new Error(`"${[...path, key.name].join('" needs "')}": a part can't need itself`));
    const running = this.#started.get(key.name);
    if (running !== undefined) {
      if (running.key !== key) return Promise.reject(new Error(`two parts are named "${key.name}"`));
      return running.value as Promise<T>;
    }
    const service = (this.#replaced.get(key.name) ?? key.service) as Service<T>;
    const value = this.#start(key.name, service, path);
    this.#started.set(key.name, { key, value });
    return value;
  }

  async #start<T>(name: string, service: Service<T>, path: readonly string[]): Promise<T> {
    const value = await service.start({ get: (key) => this.#get(key, [...path, name]) });
    this.#stops.push({ name, stop: () => service.stop?.(value) });
    return value;
  }

  /** Stops what was started, last first. One that fails does not keep the others from stopping.
   *  @throws AggregateError of all that failed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.allSettled([...this.#started.values()].map(({ value }) => value));
    const failures: unknown[] = [];
    for (const { name, stop } of this.#stops.splice(0).reverse()) {
      try {
        await stop();
      } catch (error) {
        failures.push(new Error(`"${name}" did not stop cleanly`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "some parts did not stop cleanly");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
