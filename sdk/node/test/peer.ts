// Plays the engine: a client of a channel that is served over a socket, without TLS.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import type { Account, Attempt, Batch, Channel, Description } from "../src/index.js";
import { accepted, each } from "../src/index.js";
import { Server } from "../src/server.js";
import * as wire from "../src/wire.js";

const Client = grpc.makeGenericClientConstructor(wire.CHANNEL as unknown as grpc.ServiceDefinition, "Channel");

export class Peer {
  readonly #client: grpc.Client & Record<string, Function>;
  connections = 0; // of the account opened last

  constructor(address: string, credentials = grpc.credentials.createInsecure(), options = {}) {
    this.#client = new Client(address, credentials, options) as never;
  }

  #unary<A>(name: string, request: object): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#client[name]?.call(this.#client, request, (e: Error | null, a: A) => (e ? reject(e) : resolve(a)));
    });
  }

  describe(): Promise<wire.DescribeResponse> {
    return this.#unary("Describe", {});
  }

  async open(account = "a", settings = "{}", secrets: Record<string, string> = {}): Promise<string[]> {
    const pairs = Object.entries(secrets).map(([key, value]) => ({ key, value }));
    const request = { account, settings: Buffer.from(settings), secrets: pairs };
    const answer = await this.#unary<wire.ConfigureResponse>("Configure", request);
    this.connections = answer.connections;
    return answer.faults.map((f) => `${f.path}: ${f.message}`);
  }

  deliver(account = "a", urgent = false): Stream {
    return new Stream(this.#client["Deliver"]?.call(this.#client), { account, urgent });
  }

  close(): void {
    this.#client.close();
  }
}

export class Stream {
  credits = 0;
  messages = 0;
  readonly verdicts = new Map<number, string>();
  readonly over: Promise<grpc.StatusObject>;
  #changed: () => void = () => {};

  constructor(
    readonly call: grpc.ClientDuplexStream<object, wire.DeliverResponse>,
    readonly first: object,
  ) {
    call.on("data", (a: wire.DeliverResponse) => {
      this.messages++;
      this.credits += a.credits;
      for (const r of a.results) {
        const token = Number(r.token);
        if (this.verdicts.has(token)) throw new Error(`token ${token} is answered twice`);
        this.verdicts.set(token, `${r.verdict} ${r.code}`.trim());
      }
      this.#changed();
    });
    call.on("error", () => {});
    this.over = new Promise((resolve) => call.on("status", resolve));
    call.write({ ...first, attempts: [] });
  }

  send(...attempts: Attempt[]): void {
    this.call.write({ attempts });
  }

  /** Resolves when something is true, which is looked at after each message. */
  async until(met: () => boolean): Promise<void> {
    while (!met()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  async answers(...attempts: Attempt[]): Promise<(string | undefined)[]> {
    this.send(...attempts);
    const tokens = attempts.map((a) => Number(a.token));
    await this.until(() => tokens.every((t) => this.verdicts.has(t)));
    return tokens.map((t) => this.verdicts.get(t));
  }

  async finish(): Promise<grpc.StatusObject> {
    this.call.end();
    return this.over;
  }
}

/** A channel whose only account does what the test says. */
export function double(
  deliver: Account["deliver"] = (b: Batch) => each(b, 4, (a) => accepted(a.key)),
  about: Partial<Description> = {},
): Channel & { closed: number } {
  const channel = {
    closed: 0,
    describe: () => ({ name: "double", version: "1.0.0", addressKind: "recipient", settingsSchema: {}, ...about }),
    open: () => ({ deliver, connections: () => 7, close: () => void channel.closed++ }),
  };
  return channel;
}

/** Serves a channel as long as the test runs. */
export async function served(channel: Channel, test: (peer: Peer, server: Server) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sdk-"));
  const server = new Server(channel);
  const rpc = new grpc.Server(wire.OPTIONS);
  server.addTo(rpc);
  await new Promise<void>((resolve, reject) =>
    rpc.bindAsync(`unix:${folder}/s`, grpc.ServerCredentials.createInsecure(), (e) => (e ? reject(e) : resolve())),
  );
  const peer = new Peer(`unix:${folder}/s`);
  try {
    await test(peer, server);
  } finally {
    peer.close();
    rpc.forceShutdown();
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

/** A promise that is resolved from outside. */
export function gate(): { open: () => void; passed: Promise<void> } {
  let open: () => void = () => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}
