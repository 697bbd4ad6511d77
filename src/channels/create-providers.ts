import type { Store } from "../store/index.ts";
import type { KnownProvider } from "./known-provider.ts";
import { outboxProviders } from "./outbox.ts";
import { relayProviders } from "./relay.ts";

/** Every provider there is: a new one is a file of its own, and a line here. */
export function createProviders(parts: {
  readonly store: Store;
  /** Whether a relay may be plain http, and in a network of our own. */
  readonly allowPrivate: boolean;
}): readonly KnownProvider[] {
  return [...outboxProviders(parts.store), ...relayProviders(parts)];
}
