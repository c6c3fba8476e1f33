import { accepted, Class, failed, rejected, throttled, unknown, type Verdict } from "./verdict.js";

/** Bounds what retryAfter returns, in milliseconds: beyond a day a provider's wish is more likely a broken clock. */
export const MAX_RETRY_AFTER = 24 * 3_600_000;

// The three forms of a date that RFC 9110 section 5.6.7 has. Date.parse alone would
// take "-5" as well.
const DATE = /^[A-Z][a-z]{2,8}(, \d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d GMT| [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})$/;

/**
 * Reads the Retry-After header (RFC 9110 section 10.2.3), which is whole seconds or a
 * date. It returns milliseconds: 0 for no value, one that is neither, or a date that
 * is over at now (in Unix milliseconds); and at most MAX_RETRY_AFTER.
 */
export function retryAfter(value: string | null | undefined, now = Date.now()): number {
  const text = (value ?? "").trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER);
  if (!DATE.test(text)) return 0;
  const at = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`); // asctime names no zone
  return Number.isNaN(at) ? 0 : Math.min(Math.max(at - now, 0), MAX_RETRY_AFTER);
}

/**
 * Judges the status of an HTTP answer (RFC 9110 section 15, RFC 6585) where the API
 * says nothing more exact in its body. after is what retryAfter returned. The
 * verdict's code is the status.
 *
 * 2xx is accepted, without a provider id. 408, 425 and 429 are throttled, and so are
 * 502, 503 and 504 that say when to come back; other 5xx have failed. 401, 403 and
 * 407 are about the credential, 404 and 410 about the recipient, other 4xx and every
 * redirect about the message. Anything else is unknown.
 */
export function httpVerdict(status: number, after = 0): Verdict {
  const code = String(status);
  if ([408, 425, 429].includes(status)) return throttled(after, "", code);
  if ([502, 503, 504].includes(status) && after > 0) return throttled(after, "", code);
  if ([401, 403, 407].includes(status)) return rejected(Class.Credential, code);
  if ([404, 410].includes(status)) return rejected(Class.Recipient, code);
  switch (Math.floor(status / 100)) {
    case 2:
      return accepted();
    case 3:
      return rejected(Class.Message, "redirect");
    case 4:
      return rejected(Class.Message, code);
    case 5:
      return failed(code);
    default:
      return unknown(code);
  }
}
