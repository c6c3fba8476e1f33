import { inspect } from "node:util";

const REDACTED = "[redacted]";

/** A value that never shows itself: every way of printing or writing it gives "[redacted]". */
export class Secret {
  readonly #value: string;

  constructor(value = "") {
    this.#value = value;
  }

  /** Returns the value; "" where there is none. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
