import type { DeliverResponse, Result } from "./wire.js";

/**
 * The least milliseconds between two messages while more results are to come. A
 * channel that makes a request for each attempt has its results one by one, and a
 * message for each costs plugin, engine and broker as much as the request.
 */
const PACE = 4;
// Of so many results a message goes out at once, and of a quarter of all that may be
// open: credits that are held back are attempts that nobody makes.
const MOST = 64;
const PART = 4;

/**
 * Gathers results and writes them to the stream: those that come soon after each other
 * together, but the last one that is open, and so one that is alone, at once. A result
 * gives its credit back.
 */
export class Replies {
  readonly #write: (message: DeliverResponse) => void;
  readonly #full: number;
  #results: Result[] = [];
  #open = 0; // attempts whose results are to come
  #credits: number;
  #stopped = false;
  #earliest = 0; // when the next message may go out
  #later: NodeJS.Timeout | undefined;
  #now: NodeJS.Immediate | undefined;

  /** Grants credits at first; mostOpen is how many attempts there may be. */
  constructor(write: (message: DeliverResponse) => void, credits: number, mostOpen: number) {
    this.#write = write;
    this.#full = Math.max(1, Math.min(MOST, Math.floor(mostOpen / PART)));
    this.#credits = credits;
    this.flush();
  }

  /** Says that so many attempts have come, before their results are added. */
  expect(attempts: number): void {
    this.#open += attempts;
  }

  add(result: Result): void {
    this.#results.push(result);
    if (!this.#stopped) this.#credits++;
    this.#open--;
    if (this.#now) return;
    const wait = this.#earliest - performance.now();
    if (wait <= 0 || this.#open === 0 || this.#results.length >= this.#full) {
      this.#now = setImmediate(() => this.flush()); // with what else comes in this turn of the loop
    } else {
      this.#later ??= setTimeout(() => this.flush(), wait);
    }
  }

  /** Gives no credits back any more: what came for them would be refused. */
  stop(): void {
    this.#stopped = true;
  }

  /** Writes what there is. */
  flush(): void {
    this.cancel();
    if (this.#credits === 0 && this.#results.length === 0) return;
    this.#write({ results: this.#results, credits: this.#credits });
    this.#results = [];
    this.#credits = 0;
    this.#earliest = performance.now() + PACE;
  }

  /** Writes no more by itself. */
  cancel(): void {
    clearTimeout(this.#later);
    clearImmediate(this.#now);
    this.#later = this.#now = undefined;
  }
}
