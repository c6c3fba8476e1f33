import type { AccountConfig } from "./settings.js";
import type { Verdict } from "./verdict.js";

/** A kind of channel: email, a push service, an SMS provider. */
export interface Channel {
  /** Says what the channel is and can do. It depends on no configuration. */
  describe(): Description;
  /**
   * Opens an account with its settings. Faults in the settings are thrown as
   * Faults, so that all of them are shown at once. It should not wait for the
   * provider: an unreachable one is found out, and tried again, by sending.
   */
  open(config: AccountConfig): Account | Promise<Account>;
}

/** One open account of a channel: one API key, one relay. */
export interface Account {
  /**
   * Makes one attempt for each entry of the batch and answers it with Batch.reply;
   * most channels let each do it. It resolves when all are answered; what it leaves
   * unanswered counts as unknown. Several calls run at once.
   */
  deliver(batch: Batch): void | Promise<void>;
  /**
   * How many connections to the provider the account opens at most in this process. The
   * engine refuses a configuration with which all nodes together could open more than
   * the provider takes.
   */
  connections?(): number;
  /** Ends the account. No deliver runs then, and none follows. */
  close?(): void | Promise<void>;
}

/** Says what a channel is and can do. Times are in milliseconds. */
export interface Description {
  /** The channel's kind: "email". */
  name: string;
  /** The plugin's own, by semantic versioning. */
  version: string;
  /** "email", "phone", "webhook", "recipient" (the recipient's id), "push.<platform>" or "chat.<name>". */
  addressKind: string;
  /** A JSON Schema (draft 2020-12) of the settings. */
  settingsSchema: object | string;
  /** What it can show: "title", "body", "html", "media", "actions". */
  content?: string[];
  /** Bounds one call of deliver. 128 by default. */
  maxBatch?: number;
  /** Bounds the attempts that are open at once on one account. 1024 by default. */
  maxOpen?: number;
  /** The provider does nothing twice for the same Attempt.key within lifetime (0: for ever). */
  idempotent?: boolean;
  lifetime?: number;
  /** How long one attempt may take until the engine counts it as unknown. 30 seconds by default. */
  deadline?: number;
  /** The names of the secrets that an account may be given. */
  secrets?: string[];
  /**
   * How many attempts a second the provider takes of any account, of all nodes
   * together: a configured rate can be lower, and not higher. 0 is no such limit.
   */
  maxPerSecond?: number;
  /** How many connections the provider takes of any account, of all nodes together. 0 is none that is known. */
  maxConnections?: number;
  /** What a throttled verdict may slow, besides the account. */
  limits?: string[];
}

/** What one call of deliver is given. */
export interface Batch {
  readonly attempts: readonly Attempt[];
  /** When nobody waits for any attempt any more, in Unix milliseconds; 0 is never. */
  readonly deadlineMs: number;
  /** Aborts then, or when the stream is over. */
  readonly signal: AbortSignal;
  /** Gives the verdict on attempts[i]. The first reply counts. */
  reply(i: number, verdict: Verdict): void;
}

/** One try at one send. It is read-only, and may be kept. */
export interface Attempt {
  /** The SDK's own: it answers by it. */
  readonly token: unknown;
  /** The same for every attempt at this send: what an idempotent provider is given. 32 hex digits. */
  readonly key: string;
  readonly id: string;
  readonly app: string;
  readonly recipient: string;
  readonly address: Address | null;
  readonly content: Content | null;
  /** A JSON object, as the producer wrote it, or nothing. */
  readonly data: Uint8Array;
  /** 1 for transactional, 2 for marketing. */
  readonly class: number;
  readonly campaign: string;
  readonly collapseKey: string;
  readonly locale: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** When the message loses its worth, in Unix milliseconds; 0 is never. */
  readonly expiresMs: number;
  /** When the engine stops waiting for the verdict, in Unix milliseconds; 0 is never. */
  readonly deadlineMs: number;
  readonly traceparent: string;
  readonly tracestate: string;
}

/** Where the message goes, of the channel's Description.addressKind. */
export interface Address {
  readonly value: string;
  /** Web Push only. */
  readonly p256dh: string;
  readonly auth: string;
}

/** What the message says. A text that it has not is "". */
export interface Content {
  readonly title: string;
  readonly body: string;
  readonly html: string;
  readonly media: readonly Media[];
  readonly actions: readonly Action[];
}

/** A picture, a file or the like, by its URL. */
export interface Media {
  readonly kind: string;
  readonly url: string;
  readonly type: string;
  readonly name: string;
  readonly alt: string;
}

/** A button or the like. */
export interface Action {
  readonly kind: string;
  readonly label: string;
  readonly url: string;
  readonly payload: string;
}
