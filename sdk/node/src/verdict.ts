/** Says what a rejection is about. */
export const Class = {
  /** The address is dead. The engine suppresses it. */
  Recipient: 1,
  /** This message can't be sent to anybody. */
  Message: 2,
  /** The account can't send (key, quota, contract). */
  Credential: 3,
  /** This message may not be sent to this recipient now. */
  Policy: 4,
} as const;
export type Class = (typeof Class)[keyof typeof Class];

const CLASSES = ["", "recipient", "message", "credential", "policy"];
const KINDS = ["unknown", "accepted", "delivered", "rejected", "throttled", "failed", "unknown"];

/**
 * Says how an attempt went. Make one with accepted, delivered, rejected, throttled,
 * failed or unknown.
 */
export class Verdict {
  constructor(
    /** That of channel.v1.Verdict. */
    readonly kind: number,
    readonly code = "",
    readonly providerId = "",
    readonly class_: Class | 0 = 0,
    /** Milliseconds. */
    readonly after = 0,
    readonly limit = "",
  ) {}

  /** Shows the verdict in logs and tests, as the Go SDK does: "rejected recipient 5.1.1". */
  toString(): string {
    const after = this.after > 0 ? duration(this.after) : "";
    const limit = this.limit && `limit=${this.limit}`;
    return [KINDS[this.kind], CLASSES[this.class_], after, limit, this.code].filter(Boolean).join(" ");
  }
}

/** The provider took the message over under its own id. */
export function accepted(providerId = ""): Verdict {
  return new Verdict(1, "", providerId);
}

/** The message has reached the recipient. */
export function delivered(providerId = ""): Verdict {
  return new Verdict(2, "", providerId);
}

/**
 * It can never be sent like this. code is the provider's, for programs: no address
 * and no text of the message.
 */
export function rejected(class_: Class, code: string): Verdict {
  return new Verdict(3, code, "", class_);
}

/**
 * Not sent, for it was too fast or too much. after is for how many milliseconds the
 * provider wants to be left alone (0: it did not say). limit names which of
 * Description.limits it was; empty is the account.
 */
export function throttled(after: number, limit: string, code: string): Verdict {
  return new Verdict(4, code, "", 0, after, limit);
}

/** Surely not sent; another try may do. */
export function failed(code: string): Verdict {
  return new Verdict(5, code);
}

/**
 * It may have been sent. Everything that went wrong after the provider could have
 * seen the whole message is unknown: a timeout, a reset, a body that can't be read.
 */
export function unknown(code: string): Verdict {
  return new Verdict(6, code);
}

/** Writes milliseconds as Go's time.Duration does: 1m30s, 500ms. */
function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${(ms % 60_000) / 1000}s`;
  return (hours ? `${hours}h` : "") + (hours || minutes ? `${minutes}m` : "") + seconds;
}
