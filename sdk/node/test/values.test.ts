// Settings, secrets, verdicts, HTTP answers, certificates, and what an attempt is said to hold.
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { format, inspect } from "node:util";
import * as sdk from "../src/index.js";
import { makeCertificate } from "../src/certificate.js";
import * as testing from "../src/testing.js";
import { message } from "../src/wire.js";

const defaults = {
  file: "",
  volume: 5,
  loud: false,
  timeout: new sdk.Duration(30_000),
  rooms: ["hall"],
  tls: { mode: "strict", ca: "" },
  proxy: null as string | null,
};

test("settings of every type, and defaults for the others", () => {
  const read = testing.config({ file: "/b", timeout: "1m1.5s", rooms: [], tls: { mode: "off" }, proxy: "x" }).decode(defaults);
  const want = { ...defaults, file: "/b", timeout: new sdk.Duration(61_500), rooms: [], proxy: "x" };
  assert.deepEqual(read, { ...want, tls: { mode: "off", ca: "" } });
  assert.deepEqual(new sdk.AccountConfig("a", "").decode(defaults), defaults);
});

test("all faults of settings at once, with their paths", () => {
  const duration = 'must be a duration in quotes, such as "1.5s", "250ms" or "2m"';
  for (const [settings, want] of [
    [{ volume: "loud" }, "volume: is a string, must be a number"],
    [{ volume: null }, "volume: is a null, must be a number"],
    [{ rooms: {} }, "rooms: is a object, must be a list"],
    [{ tls: [] }, "tls: must be a JSON object"],
    [{ tls: { mod: 1, mode: 2 } }, "tls.mod: is no setting of this channel; known here: ca, mode; tls.mode: is a number, must be a string"],
    [{ timeout: 5 }, `timeout: ${duration}`], // a bare number has no unit
    [{ timeout: "1d" }, `timeout: ${duration}`],
    [JSON.parse('{"__proto__": 1}'), "__proto__: is no setting of this channel; known here: file, loud, proxy, rooms, timeout, tls, volume"],
    [[], "must be a JSON object"],
  ] as const) {
    assert.throws(() => testing.config(settings).decode(defaults), { message: want });
  }
  assert.throws(() => new sdk.AccountConfig("a", "{").decode(defaults), sdk.Faults);
});

test("durations", () => {
  for (const [text, ms] of [["0", 0], ["250ms", 250], ["1.5s", 1500], ["-2m", -120_000], ["1h30m", 5_400_000], ["2µs", 0.002]] as const) {
    assert.equal(sdk.Duration.parse(text)?.ms, ms);
  }
  for (const text of ["", "5", "s", "1s2", "1 s", 5, undefined]) assert.equal(sdk.Duration.parse(text), undefined);
});

test("a secret never shows itself", () => {
  const secret = testing.config({}, { key: "hunter2" }).secret("key");
  assert.equal(secret.reveal(), "hunter2");
  for (const text of [String(secret), `${secret}`, JSON.stringify({ secret }), inspect(secret, { showHidden: true }), format("%s %o %j", secret, secret, secret)]) {
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /\[redacted\]/);
  }
  assert.doesNotMatch(inspect(testing.config({}, { key: "hunter2" }), { depth: 9, showHidden: true }), /hunter2/);
  assert.equal(testing.config().secret("key").reveal(), "");
});

test("HTTP answers, as the other SDKs judge them", () => {
  const answers = JSON.parse(readFileSync(new URL("../../../testdata/http.json", import.meta.url), "utf8"));
  for (const x of answers.retry_after) {
    assert.equal(sdk.retryAfter(x.value, Date.parse(answers.now)), x.seconds * 1000, x.value);
  }
  for (const x of answers.verdict) {
    assert.equal(String(sdk.httpVerdict(x.status, x.after * 1000)), x.verdict);
  }
  assert.equal(sdk.retryAfter(null), 0);
});

test("verdicts are shown", () => {
  assert.equal(String(sdk.accepted("1")), "accepted");
  assert.equal(String(sdk.rejected(sdk.Class.Policy, "x")), "rejected policy x");
  assert.equal(String(sdk.throttled(90_000, "app", "x")), "throttled 1m30s limit=app x");
});

test("an attempt for tests has what the protocol's has", () => {
  const fields = (name: string): string[] => message(name).fieldsArray.map((f) => f.name).sort();
  const made = testing.attempt();
  assert.deepEqual(Object.keys(made).sort(), fields("channel.v1.Attempt"));
  assert.deepEqual(Object.keys(made.address ?? {}).sort(), fields("channel.v1.Address"));
  assert.deepEqual(Object.keys(made.content ?? {}).sort(), fields("carillon.v1.Content"));
});

test("certificates are sound, before 2050 and after", () => {
  for (const now of [Date.UTC(2026, 0, 1), Date.UTC(2049, 11, 31), Date.UTC(2060, 0, 1)]) {
    const { certificate, der } = makeCertificate(now);
    const read = new X509Certificate(certificate);
    assert.equal(read.subjectAltName, "DNS:localhost");
    assert.ok(read.ca && read.verify(read.publicKey));
    assert.equal(Date.parse(read.validFrom), now - 60_000);
    const fingerprint = createHash("sha256").update(der).digest("hex").toUpperCase().replace(/..(?=.)/g, "$&:");
    assert.equal(read.fingerprint256, fingerprint);
  }
});
