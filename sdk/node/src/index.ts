/**
 * What the author of a channel plugin imports.
 *
 * A plugin is a program of its own that the Carillon engine starts and talks to
 * over gRPC. Its author implements Channel and Account and calls serve:
 *
 *     await serve(new MyChannel());
 *
 * The engine decides who is sent what and when, keeps the limits, retries and
 * remembers. The plugin makes one attempt per call and says honestly how it went.
 * It must not retry by itself: attempts could then no longer be counted.
 */
export type { Account, Action, Address, Attempt, Batch, Channel, Content, Description, Media } from "./channel.js";
export { each, timeLeft } from "./each.js";
export { httpVerdict, MAX_RETRY_AFTER, retryAfter } from "./http.js";
export { Secret } from "./secret.js";
export { serve } from "./serve.js";
export { AccountConfig, Duration, Faults, type Fault } from "./settings.js";
export { accepted, Class, delivered, failed, rejected, throttled, unknown, Verdict } from "./verdict.js";
