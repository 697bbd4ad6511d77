import { DomainError, Unavailable } from "../domain/errors.ts";

/** Runs a request to the bus; what went wrong there becomes Unavailable, which may be tried again. */
export async function onBus<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw error instanceof DomainError ? error : new Unavailable("bus", { cause: error });
  }
}
