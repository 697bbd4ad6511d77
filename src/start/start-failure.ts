/** A start-up that cannot go on. The message is one sentence for the person at the terminal: what, and the way out. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
}
