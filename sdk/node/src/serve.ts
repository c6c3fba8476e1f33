import { realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { makeCertificate } from "./certificate.js";
import type { Channel } from "./channel.js";
import { atMost, Server } from "./server.js";
import * as wire from "./wire.js";

// How many milliseconds the batches that run may take at a stop, and closing the
// accounts after that. The engine waits for 3 seconds, then sends SIGTERM, and SIGKILL
// a second later.
const DRAIN = 2000;
const CLOSE = 500;

/**
 * Runs the channel as a plugin until the engine ends it, and exits the process then.
 * Started by hand, it says that it is a plugin and exits 1. With the URL of its module
 * (import.meta.url) it does nothing where another program was started: so tests can
 * import the module.
 *
 * The process leaves by itself when its parent dies: an orphan would go on sending
 * what a new owner sends as well.
 */
export async function serve(channel: Channel, module?: string): Promise<void> {
  if (module && realpathSync(process.argv[1] ?? "") !== fileURLToPath(module)) return;
  const trusted = whomToTrust();
  leaveWithParent(process.ppid);
  const server = new Server(channel);
  const rpc = new grpc.Server(wire.OPTIONS);
  const stop = new Promise<void>((resolve) => {
    process.on("SIGTERM", resolve);
    server.addTo(rpc);
    addGoPlugin(rpc, server, resolve);
  });
  process.on("SIGINT", () => {}); // of a terminal: the engine gets it too, and stops this in order
  const { key, certificate, der } = makeCertificate();
  const credentials = grpc.ServerCredentials.createSsl(
    Buffer.from(trusted),
    [{ private_key: key, cert_chain: certificate }],
    true,
  );
  const socket = join(process.env.PLUGIN_UNIX_SOCKET_DIR ?? "", `plugin-${process.pid}`);
  await new Promise<void>((resolve, reject) => {
    rpc.bindAsync(`unix:${socket}`, credentials, (e) => (e ? reject(e) : resolve()));
  });
  const cert = der.toString("base64").replace(/=+$/, "");
  process.stdout.write(`1|${wire.VERSION}|unix|${socket}|grpc|${cert}\n`);
  await stop;
  await server.drain(DRAIN);
  await atMost(100, new Promise<void>((resolve) => rpc.tryShutdown(() => resolve()))); // for the answer to Shutdown
  rpc.forceShutdown();
  if (!(await atMost(CLOSE, server.close()))) console.error(`an account was not closed within ${CLOSE} ms`);
  process.exit(0); // what still waits for a provider must not keep the process
}

function whomToTrust(): string {
  const [cookie, value] = wire.COOKIE;
  if (process.env[cookie] !== value) {
    console.error(
      "This is a plugin: the Carillon engine starts it. Name it in the configuration at channels.X.plugin.path.",
    );
    process.exit(1);
  }
  const trusted = process.env.PLUGIN_CLIENT_CERT;
  if (!trusted) {
    console.error("PLUGIN_CLIENT_CERT is not set: this plugin speaks to nobody without mutual TLS.");
    process.exit(1);
  }
  return trusted;
}

/**
 * Adds the services that hashicorp/go-plugin asks of every plugin: its health, and to
 * leave. Their messages are so small that they are written here byte by byte.
 */
function addGoPlugin(rpc: grpc.Server, server: Server, stop: () => void): void {
  const serving = Buffer.from("\x08\x01", "latin1");
  const plugin = Buffer.from("\n\x06plugin", "latin1");
  rpc.addService(
    { Check: rawMethod("/grpc.health.v1.Health/Check") },
    {
      Check: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) =>
        call.request.length === 0 || call.request.equals(plugin)
          ? answer(null, serving)
          : answer({ code: grpc.status.NOT_FOUND, details: "unknown service" }),
    },
  );
  rpc.addService(
    { Shutdown: rawMethod("/plugin.GRPCController/Shutdown") },
    {
      Shutdown: async (_: unknown, answer: grpc.sendUnaryData<Buffer>) => {
        // The connection ends with the answer, and with it all streams.
        await server.drain(DRAIN);
        answer(null, Buffer.alloc(0));
        stop();
      },
    },
  );
}

function rawMethod(path: string): grpc.MethodDefinition<Buffer, Buffer> {
  const same = (b: Buffer): Buffer => b;
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

/** Polls, since a death signal (which the engine sets as well) exists on Linux alone. */
function leaveWithParent(parent: number): void {
  setInterval(() => {
    if (process.ppid !== parent) process.exit(0);
  }, 200).unref();
}
