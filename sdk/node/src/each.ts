import type { Attempt, Batch } from "./channel.js";
import { failed, unknown, type Verdict } from "./verdict.js";

/**
 * Answers every attempt of the batch with what deliver returns, running at most
 * workers calls at once. An attempt whose own deadline has passed before its call
 * began is failed with the code "deadline"; one whose call throws is unknown, with
 * the code "deadline" if it was too late by then and "panic" otherwise.
 *
 * The signal aborts at the attempt's deadline: give it to fetch, or whatever calls
 * the provider.
 */
export async function each(
  batch: Batch,
  workers: number,
  deliver: (attempt: Attempt, signal: AbortSignal) => Verdict | Promise<Verdict>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < batch.attempts.length) {
      const i = next++;
      const verdict = deliverOne(batch, batch.attempts[i] as Attempt, deliver);
      // To wait for what is there already would cost as much as a small batch.
      batch.reply(i, verdict instanceof Promise ? await verdict : verdict);
    }
  };
  await Promise.all(Array.from({ length: Math.min(Math.max(workers, 1), batch.attempts.length) }, work));
}

function deliverOne(
  batch: Batch,
  attempt: Attempt,
  deliver: (attempt: Attempt, signal: AbortSignal) => Verdict | Promise<Verdict>,
): Verdict | Promise<Verdict> {
  const left = timeLeft(attempt);
  if (batch.signal.aborted || left === 0) return failed("deadline");
  // Most batches have one deadline for all.
  const earlier = left !== undefined && attempt.deadlineMs !== batch.deadlineMs;
  const signal = earlier ? AbortSignal.any([batch.signal, AbortSignal.timeout(left)]) : batch.signal;
  const thrown = (e: unknown): Verdict => {
    if (signal.aborted) return unknown("deadline");
    logPanic(e);
    return unknown("panic");
  };
  try {
    const verdict = deliver(attempt, signal);
    return verdict instanceof Promise ? verdict.catch(thrown) : verdict;
  } catch (e) {
    return thrown(e);
  }
}

/** The longest that a timer of Node can wait, in milliseconds. */
export const LONGEST = 2 ** 31 - 1;

/**
 * Returns the milliseconds until the engine stops waiting for the attempt's verdict,
 * at least 0, or undefined where it waits for ever.
 */
export function timeLeft(attempt: Attempt): number | undefined {
  return attempt.deadlineMs === 0 ? undefined : Math.min(Math.max(attempt.deadlineMs - Date.now(), 0), LONGEST);
}

/**
 * Writes what the channel threw to the standard error, as one line of the engine's
 * log: it takes 50 a second.
 */
export function logPanic(e: unknown): void {
  const text = e instanceof Error ? (e.stack ?? String(e)) : String(e);
  console.error(`panic in deliver: ${text.split(/\s*\n\s*/).join(", ")}`);
}
