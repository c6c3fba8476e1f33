// The protocol, over real gRPC.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { accepted, each, Faults, throttled, unknown, type Attempt, type Batch, type Verdict } from "../src/index.js";
import { attempt } from "../src/testing.js";
import { double, gate, served } from "./peer.js";

const ACCEPTED = "1";
const options = { timeout: 30_000 };
const good = (n: number, from = 0): Attempt[] => Array.from({ length: n }, (_, i) => attempt(from + i));

test("describes itself", options, async () => {
  const about = { idempotent: true, lifetime: 86_400_000, deadline: 2500, secrets: ["key"], maxPerSecond: 7.5, limits: ["sender"], maxConnections: 20 };
  await served(double(undefined, about), async (peer) => {
    const got = await peer.describe();
    assert.equal(`${got.name} ${got.maxBatch} ${got.urgentStream} ${got.idempotent}`, "double 128 true true");
    assert.equal(`${got.idempotencySeconds} ${got.deadlineMs} ${got.maxPerSecond} ${got.maxConnections}`, "86400 2500 7.5 20");
    assert.deepEqual([got.settingsSchema, got.limits, got.secrets], ["{}", ["sender"], ["key"]]);
  });
});

test("secrets reach the channel, and those that it does not describe are refused", options, async () => {
  const channel = double(undefined, { secrets: ["key"] });
  let revealed = "";
  const { open } = channel;
  channel.open = (config) => {
    revealed = config.secret("key").reveal();
    return open(config);
  };
  await served(channel, async (peer) => {
    assert.deepEqual(await peer.open("a", "{}", { key: "hunter2" }), []);
    assert.equal(peer.connections, 7);
    assert.deepEqual(await peer.open("a", "{}", { kye: "x" }), ["secrets.kye: unknown secret; known are key"]);
  });
  assert.equal(`${revealed} ${channel.closed}`, "hunter2 1");
});

test("faults are an answer, and other errors are one of the call", options, async () => {
  const channel = double();
  channel.open = (config) => {
    if (config.name === "b") throw new Error("no such thing");
    const faults = new Faults();
    faults.add(false, "x", "is wrong");
    faults.add(false, "y", "as well");
    throw faults;
  };
  await served(channel, async (peer) => {
    assert.deepEqual(await peer.open(), ["x: is wrong", "y: as well"]);
    await assert.rejects(peer.open("b"), { code: 9, details: "open account b: Error: no such thing" });
  });
});

test("a replaced account is closed after its last batch", options, async () => {
  const [begun, go] = [gate(), gate()];
  const channel = double(async (batch) => {
    begun.open();
    await go.passed;
    await each(batch, 1, () => accepted());
  });
  await served(channel, async (peer) => {
    await peer.open();
    const stream = peer.deliver();
    stream.send(attempt(0));
    await begun.passed;
    await peer.open();
    assert.equal(channel.closed, 0);
    go.open();
    assert.deepEqual(await stream.answers(attempt(1)), [ACCEPTED]);
    await stream.finish();
    assert.equal(channel.closed, 1);
  });
});

test("each attempt is answered once and gives its credit back", options, async () => {
  await served(double(undefined, { maxOpen: 64 }), async (peer) => {
    await peer.open();
    const stream = peer.deliver();
    await stream.until(() => stream.credits === 64);
    for (const size of [1, 64, 3]) {
      assert.deepEqual(await stream.answers(...good(size, size * 100)), Array(size).fill(ACCEPTED));
    }
    assert.equal((await stream.finish()).code, 0);
    assert.equal(stream.credits, 64 + 1 + 64 + 3);
    const urgent = peer.deliver("a", true);
    await urgent.answers(...good(2));
    await urgent.finish();
    assert.equal(urgent.credits, 2); // an urgent stream grants nothing at first
  });
});

test("a token keeps its 64 bits", options, async () => {
  await served(double(), async (peer) => {
    await peer.open();
    const stream = peer.deliver();
    let token: unknown;
    stream.call.on("data", (a) => (token = a.results[0]?.token ?? token));
    stream.send({ ...attempt(0), token: "18446744073709551615" });
    await stream.until(() => token !== undefined);
    assert.equal(String(token), "18446744073709551615");
  });
});

test("an account that is not configured", options, async () => {
  await served(double(), async (peer) => {
    const { code, details } = await peer.deliver("nobody").over;
    assert.deepEqual([code, details], [5, 'account "nobody" is not configured']);
  });
});

test("nothing late reaches the channel", options, async () => {
  const seen: number[] = [];
  const note = (a: Attempt): Verdict => {
    seen.push(Number(a.token));
    return accepted();
  };
  await served(double((b) => each(b, 4, note)), async (peer) => {
    await peer.open();
    const late = attempt(0, { deadlineMs: Date.now() - 1 });
    const answers = await peer.deliver().answers(late, attempt(1), attempt(2, { deadlineMs: 0 }));
    assert.deepEqual(answers, ["5 deadline", ACCEPTED, ACCEPTED]);
    assert.deepEqual(seen, [2, 3]);
  });
});

const never = (_: Attempt, signal: AbortSignal): Promise<Verdict> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
const fails = (): never => {
  throw new Error("no");
};

for (const [name, deliver, want] of [
  ["forgets", () => {}, ["6 unanswered", "6 unanswered"]],
  ["throws", fails, ["6 panic", "6 panic"]],
  ["throws in each", (b) => each(b, 2, fails), ["6 panic", "6 panic"]],
  ["rejects in each", (b) => each(b, 2, async () => fails()), ["6 panic", "6 panic"]],
  ["throws after a reply", (b) => (b.reply(0, accepted()), fails()), [ACCEPTED, "6 panic"]],
  ["returns no verdict", (b) => each(b, 2, () => undefined as unknown as Verdict), ["6 panic", "6 panic"]],
  ["has a code that is no text", (b) => each(b, 2, () => unknown(7 as unknown as string)), ["6 panic", "6 panic"]],
  ["answers twice", async (b) => (await each(b, 1, () => accepted()), each(b, 1, () => unknown(""))), [ACCEPTED, ACCEPTED]],
  ["answers what is not there", (b) => (b.reply(7, accepted()), each(b, 1, () => accepted())), [ACCEPTED, ACCEPTED]],
  ["answers later", (b) => each(b, 2, async () => throttled(1500, "", "slow")), ["4 slow", "4 slow"]],
  ["hangs until its signal", (b) => each(b, 2, never), ["6 deadline", "6 deadline"]],
] as [string, (b: Batch) => void | Promise<void>, string[]][]) {
  test(`whatever the channel does: it ${name}`, options, async () => {
    const said = mock.method(console, "error", () => {});
    await served(double(deliver), async (peer) => {
      await peer.open();
      const stream = peer.deliver();
      const soon = Date.now() + (name.startsWith("hangs") ? 1000 : 60_000);
      // Not the same deadline: each has its own signal.
      const two = [attempt(0, { deadlineMs: soon }), attempt(1, { deadlineMs: soon + 50 })];
      assert.deepEqual(await stream.answers(...two), want);
      await stream.finish();
      assert.equal(stream.verdicts.size, 2);
    });
    for (const call of said.mock.calls) assert.match(String(call.arguments[0]), /^panic in deliver: .*Error: [^\n]+$/);
    said.mock.restore();
  });
}

test("so many calls at once", options, async () => {
  let now = 0;
  let most = 0;
  const call = async (): Promise<Verdict> => {
    most = Math.max(most, ++now);
    await pause(1);
    now--;
    return accepted();
  };
  await served(double((b) => each(b, 4, call)), async (peer) => {
    await peer.open();
    await peer.deliver().answers(...good(32));
  });
  assert.equal(most, 4);
});

test("results that come one by one go together", options, async () => {
  const slow = async (): Promise<Verdict> => {
    await new Promise(setImmediate);
    return accepted();
  };
  await served(double((b) => each(b, 1, slow)), async (peer) => {
    await peer.open();
    const stream = peer.deliver();
    await stream.answers(...good(128));
    assert.ok(stream.messages < 40, `${stream.messages} messages`);
  });
});

test("a broken stream ends the batch", options, async () => {
  const [begun, ended] = [gate(), gate()];
  const deliver = async (batch: Batch): Promise<void> => {
    batch.signal.addEventListener("abort", ended.open);
    begun.open();
    await ended.passed;
  };
  await served(double(deliver), async (peer) => {
    await peer.open();
    const stream = peer.deliver();
    stream.send(attempt(0));
    await begun.passed;
    stream.call.cancel();
    await ended.passed;
  });
});

test("a drain answers what is open and takes nothing more", options, async () => {
  const [begun, go] = [gate(), gate()];
  const deliver = async (batch: Batch): Promise<void> => {
    begun.open();
    await go.passed;
    await each(batch, 1, () => accepted());
  };
  await served(double(deliver), async (peer, server) => {
    await peer.open();
    const stream = peer.deliver();
    stream.send(attempt(0));
    await begun.passed;
    const draining = server.drain(20_000);
    assert.deepEqual(await stream.answers(attempt(1)), ["5 stopping"]);
    go.open();
    await draining;
    await stream.until(() => stream.verdicts.get(1) === ACCEPTED);
    assert.equal(stream.credits, 1024); // the first ones: none is given back
  });
});
