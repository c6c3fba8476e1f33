/** What the tests of a channel need: attempts, and their verdicts. */
import type { Account, Attempt, Batch } from "./channel.js";
import { Secret } from "./secret.js";
import { AccountConfig } from "./settings.js";
import { unknown, type Verdict } from "./verdict.js";

/**
 * Makes an attempt with something in every field that a channel is likely to use, and a
 * deadline in a minute. i names it: its key, id, recipient and token.
 */
export function attempt(i = 0, changes: Partial<Attempt> = {}): Attempt {
  const recipient = `recipient-${i}`;
  return {
    token: i + 1,
    key: (i + 1).toString(16).padStart(32, "0"),
    id: `send-${i}`,
    app: "shop",
    recipient,
    address: { value: recipient, p256dh: "", auth: "" },
    content: { title: "Your order", body: "It has left our house.", html: "", media: [], actions: [] },
    data: Buffer.from('{"order": 17}'),
    class: 1,
    campaign: "",
    collapseKey: "",
    locale: "en",
    attempt: 1,
    expiresMs: 0,
    deadlineMs: Date.now() + 60_000,
    traceparent: "",
    tracestate: "",
    ...changes,
  };
}

/** Makes what Channel.open is given. */
export function config(settings: object = {}, secrets: Record<string, string> = {}): AccountConfig {
  const hidden = Object.entries(secrets).map(([name, value]) => [name, new Secret(value)] as const);
  return new AccountConfig("test", JSON.stringify(settings), new Map(hidden));
}

/**
 * Has the account deliver one batch, and returns the verdicts in its order: what it
 * leaves unanswered is unknown, with the code "unanswered".
 */
export async function deliver(account: Account, ...attempts: Attempt[]): Promise<Verdict[]> {
  const verdicts = new Map<number, Verdict>();
  const batch: Batch = {
    attempts,
    deadlineMs: 0,
    signal: new AbortController().signal,
    reply: (i, verdict) => void (verdicts.has(i) || verdicts.set(i, verdict)),
  };
  await account.deliver(batch);
  return attempts.map((_, i) => verdicts.get(i) ?? unknown("unanswered"));
}
