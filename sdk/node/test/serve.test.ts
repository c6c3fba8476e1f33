// The example as a process of its own: handshake, mutual TLS, and the ends.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { makeCertificate } from "../src/certificate.js";
import { attempt } from "../src/testing.js";
import { Peer } from "./peer.js";

const EXAMPLE = fileURLToPath(new URL("../../examples/noticeboard.js", import.meta.url));
const options = { timeout: 30_000 };
const same = (b: Buffer): Buffer => b;

/** The example, started as the engine does it. */
async function plugin(
  run: (p: { child: ChildProcess; line: string[]; folder: string; client: (mine?: typeof own) => [string, grpc.ChannelCredentials, object] }) => Promise<void>,
  ...through: string[]
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sdk-"));
  const env = { CARILLON_PLUGIN: "channel.v1", PLUGIN_CLIENT_CERT: own.certificate.toString(), PLUGIN_UNIX_SOCKET_DIR: folder };
  const [program, ...args] = [...through, process.execPath, EXAMPLE] as unknown as [string, ...string[]];
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  try {
    const [first] = await once(createInterface(child.stdout), "line");
    const line = String(first).split("|");
    const pem = Buffer.from(`-----BEGIN CERTIFICATE-----\n${line[5]?.replace(/.{64}/g, "$&\n")}${"=".repeat(-(line[5]?.length ?? 0) & 3)}\n-----END CERTIFICATE-----\n`);
    await run({
      child,
      line,
      folder,
      client: (mine = own) => [
        `unix:${line[3]}`,
        grpc.credentials.createSsl(pem, mine.key, mine.certificate),
        { "grpc.ssl_target_name_override": "localhost" },
      ],
    });
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

const own = makeCertificate();

function raw(client: grpc.Client, path: string, request: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, Buffer.from(request), (e, a) => (e ? reject(e) : resolve(a as Buffer)));
  });
}

test("from the handshake to the shutdown", options, () =>
  plugin(async ({ child, line, folder, client }) => {
    assert.deepEqual([...line.slice(0, 3), line[4]], ["1", "1", "unix", "grpc"]);
    const health = new grpc.Client(...client());
    assert.deepEqual([...(await raw(health, "/grpc.health.v1.Health/Check", "\n\x06plugin"))], [8, 1]);
    await assert.rejects(raw(health, "/grpc.health.v1.Health/Check", "\n\x01x"), { code: grpc.status.NOT_FOUND });
    const peer = new Peer(...client());
    assert.deepEqual(await peer.open("a", JSON.stringify({ file: `${folder}/board` })), []);
    const stream = peer.deliver();
    assert.deepEqual(await stream.answers(attempt(0)), ["2"]);
    await stream.finish();
    const exited = once(child, "exit");
    assert.equal((await raw(health, "/plugin.GRPCController/Shutdown", "")).length, 0);
    assert.deepEqual(await exited, [0, null]);
    assert.equal(readFileSync(`${folder}/board`, "utf8"), '"recipient-0"\t"Your order"\t"It has left our house."\n');
  }),
);

test("a stranger is not served", options, () =>
  plugin(async ({ client }) => {
    const stranger = new grpc.Client(...client(makeCertificate()));
    await assert.rejects(raw(stranger, "/grpc.health.v1.Health/Check", ""), { code: grpc.status.UNAVAILABLE });
    stranger.close();
  }),
);

test("leaves on SIGTERM", options, () =>
  plugin(async ({ child }) => {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  }),
);

test("leaves with its parent", options, () => {
  const script = 'const c = require("child_process").spawn(process.argv[1], process.argv.slice(2), {stdio: "inherit"}); console.error(c.pid)';
  return plugin(
    async ({ child, line }) => {
      assert.equal(line[4], "grpc");
      const pid = Number((await once(child.stderr as NodeJS.ReadableStream, "data")).toString());
      child.kill("SIGKILL");
      while (alive(pid)) await pause(20);
    },
    process.execPath,
    "-e",
    script,
    "--",
  );
});

test("by hand it says what it is", () => {
  for (const [env, want] of [
    [{}, /^This is a plugin: the Carillon engine starts it\./],
    [{ CARILLON_PLUGIN: "channel.v1" }, /^PLUGIN_CLIENT_CERT is not set/],
  ] as const) {
    const done = spawnSync(process.execPath, [EXAMPLE], { env, encoding: "utf8" });
    assert.deepEqual([done.status, done.stdout], [1, ""]);
    assert.match(done.stderr, want);
  }
});

/** Whether the process is there and no zombie that nobody has waited for. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync("/proc/self") || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
