import type { Attempt, Batch } from "./channel.js";
import { LONGEST, logPanic } from "./each.js";
import type { Replies } from "./replies.js";
import { failed, unknown, Verdict } from "./verdict.js";
import { message, type Result } from "./wire.js";

const resultType = message("channel.v1.Result");

/** Writes a verdict into the protocol's form of it. What is none throws. */
export function result(token: unknown, v: Verdict): Result {
  if (!(v instanceof Verdict)) throw new TypeError(`a reply that is no verdict: ${typeof v}`);
  const r = {
    token,
    verdict: v.kind,
    class: v.class_,
    code: v.code,
    limit: v.limit,
    providerMessageId: v.providerId,
    retryAfterMs: Math.round(v.after),
  };
  const wrong = resultType.verify(r);
  if (wrong) throw new TypeError(`a verdict's ${wrong}`);
  return r;
}

/**
 * Answers the attempts that are already too late, and returns the others. The engine
 * has counted the late ones as unknown, so a message that went out now could go out
 * twice.
 */
export function inTime(attempts: Attempt[], replies: Replies): Attempt[] {
  const now = Date.now();
  return attempts.filter((a) => {
    const late = a.deadlineMs !== 0 && a.deadlineMs <= now;
    if (late) replies.add(result(a.token, failed("deadline")));
    return !late;
  });
}

/** A batch that is answered whatever happens: the first reply to each attempt goes out. */
export class Answering implements Batch {
  readonly deadlineMs: number;
  readonly #replies: Replies;
  readonly #answered: boolean[];
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly attempts: readonly Attempt[],
    replies: Replies,
  ) {
    this.#replies = replies;
    this.#answered = attempts.map(() => false);
    const deadlines = attempts.map((a) => a.deadlineMs);
    this.deadlineMs = deadlines.includes(0) ? 0 : Math.max(...deadlines, 0);
    if (this.deadlineMs) {
      this.#timer = setTimeout(() => this.end(), Math.min(this.deadlineMs - Date.now(), LONGEST));
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  reply(i: number, verdict: Verdict): void {
    const attempt = this.attempts[i];
    if (!attempt || this.#answered[i]) return;
    this.#answered[i] = true;
    try {
      this.#replies.add(result(attempt.token, verdict));
    } catch (e) {
      logPanic(e);
      this.#replies.add(result(attempt.token, unknown("panic")));
    }
  }

  /** Says that nobody waits any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }

  /** Answers what is unanswered. The batch is over. */
  finish(code: string): void {
    clearTimeout(this.#timer);
    for (const i of this.attempts.keys()) this.reply(i, unknown(code));
  }
}
