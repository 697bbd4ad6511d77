import type { z } from "zod";
import type { OutgoingMessage, OutsideChannel, Provider, Sender } from "./provider.ts";

/** A provider of whichever channel and credential, as settings and the sending role handle it. */
export type KnownProvider = {
  readonly name: string;
  readonly channel: OutsideChannel;
  readonly limits: Provider["limits"];
  readonly hasCallbacks: boolean;
  /** The shape of a credential. */
  readonly credential: z.ZodType<unknown>;
  /** Whether it is opened without any credential. */
  readonly needsCredential: boolean;
  /** @throws Error when the credential can't be used. */
  readonly open: (credential: unknown) => Sender;
};

/** Lets go of a provider's types: what reaches it was parsed by its own schema, and is of its channel. */
export function toKnownProvider<C extends OutsideChannel, Credential>(
  provider: Provider<C, Credential>,
): KnownProvider {
  const { name, channel, limits, credential, hasCallbacks = false } = provider;
  return {
    ...{ name, channel, limits, credential, hasCallbacks },
    needsCredential: !credential.safeParse({}).success,
    open: (given) => {
      const sender = provider.open(credential.parse(given));
      return {
        ...sender,
        // Accounts are asked for by channel, so that nothing of another one comes here.
        send: (messages, signal) => sender.send(messages as unknown as readonly OutgoingMessage<C>[], signal),
      };
    },
  };
}

/** A provider of a channel by its name. */
export const findProvider = (providers: readonly KnownProvider[], channel: OutsideChannel, name: string) =>
  providers.find((provider) => provider.channel === channel && provider.name === name);
