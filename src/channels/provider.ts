import type { z } from "zod";

/** The channels that a provider outside the engine carries. */
export type OutsideChannel = "email" | "sms" | "push" | "webhook";

/** What one message says, rendered: nothing of it is looked up any more. */
export type OutgoingContent =
  | {
      readonly channel: "email";
      readonly from: string;
      readonly replyTo?: string;
      readonly subject: string;
      readonly html: string;
      readonly text: string;
      /** Further header fields, `List-Unsubscribe` among them: names as they are sent. */
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly channel: "sms"; readonly from: string; readonly text: string }
  | {
      readonly channel: "push";
      readonly title: string;
      readonly body: string;
      readonly imageUrl?: string;
      /** Where a tap leads. */
      readonly url?: string;
      readonly actions: readonly { readonly id: string; readonly label: string; readonly url?: string }[];
      readonly data: Readonly<Record<string, string>>;
    }
  | { readonly channel: "webhook"; readonly body: string };

/** One message on its way to one address. */
export type OutgoingMessage<C extends OutsideChannel = OutsideChannel> = {
  readonly workspaceId: string;
  readonly deliveryId: string;
  /** From 1. */
  readonly attempt: number;
  /** An email address, a phone number in E.164, a device's token or web-push subscription as JSON, a URL. */
  readonly to: string;
  /** After it nobody wants the message. */
  readonly expireTime?: Date;
  readonly content: Extract<OutgoingContent, { channel: C }>;
};

/** What became of one message. Every error of a provider is one of these; `reason` is the provider's own code and words, without
 *  the address, the content or a credential.
 *
 *  - `sent`: the provider has it.
 *  - `retry`: it has not, and may later: throttled, out of order, not reachable before anything was sent.
 *  - `give_up`: it never will take this message: too big, content refused.
 *  - `suppress`: this address is dead, and no message should go there again.
 *  - `bad_credential`: it takes nothing from us until someone changes the credential.
 *  - `unknown`: the connection broke after the message had left: it may have it or not. */
export type SendResult =
  | { readonly kind: "sent"; readonly providerMessageId: string }
  | { readonly kind: "retry"; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly kind: "give_up"; readonly reason: string }
  | { readonly kind: "suppress"; readonly reason: string }
  | { readonly kind: "bad_credential"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** What a live check of a credential found. */
export type CredentialCheck = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** A provider opened with one workspace's credential. Safe for many calls at once. */
export type Sender<C extends OutsideChannel = OutsideChannel> = {
  /** Sends nothing to anybody. */
  readonly check: (signal: AbortSignal) => Promise<CredentialCheck>;
  /** At most `batchMax` messages; one result each, in order. Never rejects: what is thrown inside is a result. After `signal`
   *  aborts, what was under way is `unknown`. */
  readonly send: (messages: readonly OutgoingMessage<C>[], signal: AbortSignal) => Promise<readonly SendResult[]>;
  readonly close: () => Promise<void>;
};

/** A way to carry one channel's messages: one file, and one line in the register of providers. */
export type Provider<C extends OutsideChannel = OutsideChannel, Credential = unknown> = {
  /** Names it in settings, metrics and attempts: `ses`. */
  readonly name: string;
  readonly channel: C;
  /** Whether it calls back to tell what became of messages: these are then found by the names it gives them. Default: it does not. */
  readonly hasCallbacks?: true;
  /** The shape of a credential, secrets and settings in one object. */
  readonly credential: z.ZodType<Credential>;
  /** What the provider's own documentation states, with where. */
  readonly limits: {
    /** Messages in one call. */
    readonly batchMax: number;
    /** Messages a second, when a workspace states none of its own. */
    readonly ratePerS: number;
    /** Calls under way at once. */
    readonly concurrency: number;
    readonly messageBytesMax: number;
    /** For how long one call may take. */
    readonly timeoutMs: number;
  };
  /** @throws Error when the credential can't be used at all. */
  readonly open: (credential: Credential) => Sender<C>;
};
