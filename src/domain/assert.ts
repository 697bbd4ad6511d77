/** Makes a switch over a union complete: a new member breaks the build here. */
export function assertNever(value: never): never {
  throw new Error(`a case is missing for ${JSON.stringify(value)}`);
}

/** States what must be true if our own code is right; the world's faults are errors of `errors.ts`. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`a bug: ${message}`);
}
