/** Collects what has to be closed. Stands in for `await using`, which Node 22 does not read yet. */
export type Closing = { own<T extends AsyncDisposable>(resource: T): T };

/** Does the work, then closes what it owns in reverse order, however the work ended. */
export async function closing<T>(work: (scope: Closing) => Promise<T>): Promise<T> {
  const owned: AsyncDisposable[] = [];
  const scope: Closing = {
    own: (resource) => {
      owned.push(resource);
      return resource;
    },
  };
  try {
    return await work(scope);
  } finally {
    for (const resource of owned.reverse()) await resource[Symbol.asyncDispose]();
  }
}
