import * as grpc from "@grpc/grpc-js";
import { Answering, inTime, result } from "./batch.js";
import type { Account, Attempt, Channel, Description } from "./channel.js";
import { logPanic } from "./each.js";
import { Replies } from "./replies.js";
import { Secret } from "./secret.js";
import { AccountConfig, Faults } from "./settings.js";
import { failed } from "./verdict.js";
import * as wire from "./wire.js";

/**
 * An open account. It counts the batches that run, so that one that is replaced is
 * closed only when its last batch has ended.
 */
class Open {
  readonly running = new Set<Promise<void>>();

  constructor(readonly account: Account) {}

  async close(name: string): Promise<void> {
    await Promise.all(this.running);
    try {
      await this.account.close?.();
    } catch (e) {
      console.error(`close account ${name}: ${e}`);
    }
  }
}

type Call = grpc.ServerDuplexStream<wire.DeliverRequest, wire.DeliverResponse>;

/** Serves a channel. */
export class Server {
  readonly #channel: Channel;
  readonly #about: Required<Description>;
  readonly #accounts = new Map<string, Open>();
  readonly #closing = new Set<Promise<void>>(); // accounts that were replaced
  readonly #batches = new Set<Promise<void>>(); // that run, of all streams
  readonly #streams = new Set<Replies>();
  #stopping = false;

  constructor(channel: Channel) {
    const none = { content: [], idempotent: false, lifetime: 0, secrets: [], maxPerSecond: 0, maxConnections: 0, limits: [] };
    this.#channel = channel;
    this.#about = { ...none, maxBatch: 128, maxOpen: 1024, deadline: 30_000, ...channel.describe() };
  }

  /** Adds the channel's service to a gRPC server. */
  addTo(server: grpc.Server): void {
    server.addService(wire.CHANNEL, {
      Describe: (_: unknown, answer: grpc.sendUnaryData<wire.DescribeResponse>) => answer(null, this.#describe()),
      Configure: (
        call: grpc.ServerUnaryCall<wire.ConfigureRequest, wire.ConfigureResponse>,
        answer: grpc.sendUnaryData<wire.ConfigureResponse>,
      ) => void this.#configure(call.request).then((a) => answer(null, a), answer),
      Deliver: (call: Call) => this.#deliver(call),
    });
  }

  /**
   * Takes nothing new, waits for the batches that run, for so many milliseconds at
   * most, and until their results are written.
   */
  async drain(within: number): Promise<void> {
    this.#stopping = true;
    for (const replies of this.#streams) replies.stop();
    await atMost(within, Promise.all(this.#batches));
    for (const replies of this.#streams) replies.flush();
  }

  /** Closes all accounts. Stop the gRPC server first; call it once. */
  async close(): Promise<void> {
    await Promise.all([...this.#closing, ...[...this.#accounts].map(([name, open]) => open.close(name))]);
  }

  #describe(): wire.DescribeResponse {
    const d = this.#about;
    return {
      name: d.name,
      version: d.version,
      content: d.content,
      addressKind: d.addressKind,
      maxBatch: d.maxBatch,
      idempotent: d.idempotent,
      idempotencySeconds: Math.floor(d.lifetime / 1000),
      deadlineMs: Math.round(d.deadline),
      settingsSchema: typeof d.settingsSchema === "string" ? d.settingsSchema : JSON.stringify(d.settingsSchema),
      secrets: d.secrets,
      limits: d.limits,
      urgentStream: true,
      maxPerSecond: d.maxPerSecond,
      maxConnections: d.maxConnections,
    };
  }

  async #configure(request: wire.ConfigureRequest): Promise<wire.ConfigureResponse> {
    const name = request.account;
    const secrets = new Map(request.secrets.map((p) => [p.key, new Secret(p.value)]));
    try {
      this.#checkSecrets(secrets);
      const settings = Buffer.from(request.settings).toString();
      const account = await this.#channel.open(new AccountConfig(name, settings, secrets));
      this.#replace(name, new Open(account));
      return { faults: [], connections: account.connections?.() ?? 0 };
    } catch (e) {
      if (e instanceof Faults) {
        return { faults: e.faults.map((f) => ({ path: f.path, message: f.problem })), connections: 0 };
      }
      throw { code: grpc.status.FAILED_PRECONDITION, details: `open account ${name}: ${e}` };
    }
  }

  #replace(name: string, opened: Open): void {
    const former = this.#accounts.get(name);
    this.#accounts.set(name, opened);
    if (former) track(this.#closing, former.close(name));
  }

  /**
   * Refuses a secret that the channel does not describe: a misspelt name would leave
   * the right one unset, and open could complain of nothing but that.
   */
  #checkSecrets(secrets: Map<string, Secret>): void {
    const known = this.#about.secrets;
    const which = known.length ? `known are ${known.join(", ")}` : "the channel has none";
    const faults = new Faults();
    for (const name of [...secrets.keys()].sort()) {
      faults.add(known.includes(name), `secrets.${name}`, `unknown secret; ${which}`);
    }
    faults.check();
  }

  /** Is one stream: it reads batches, and each runs by itself. */
  #deliver(call: Call): void {
    let name = "";
    let replies: Replies | undefined;
    const running = new Map<Answering, Promise<void>>();
    call.on("data", (request: wire.DeliverRequest) => {
      if (!replies) {
        name = request.account;
        if (!this.#accounts.has(name)) {
          call.emit("error", { code: grpc.status.NOT_FOUND, details: `account "${name}" is not configured` });
          return;
        }
        // Those of an urgent stream are the credits of the stream beside it.
        replies = new Replies((m) => call.write(m), request.urgent ? 0 : this.#about.maxOpen, this.#about.maxOpen);
        this.#streams.add(replies);
      }
      this.#begin(name, request.attempts, replies, running);
    });
    const over = (): void => {
      if (replies) this.#streams.delete(replies);
      replies?.cancel();
    };
    call.on("end", async () => {
      await Promise.all(running.values());
      replies?.flush();
      over();
      call.end();
    });
    const broken = (): void => {
      over();
      for (const batch of running.keys()) batch.end();
    };
    call.on("cancelled", broken);
    call.on("error", broken);
  }

  #begin(name: string, attempts: Attempt[], replies: Replies, running: Map<Answering, Promise<void>>): void {
    if (attempts.length === 0) return;
    replies.expect(attempts.length);
    if (this.#stopping) {
      for (const a of attempts) replies.add(result(a.token, failed("stopping")));
      return;
    }
    const batch = new Answering(inTime(attempts, replies), replies);
    const run = this.#run(name, batch);
    running.set(batch, run);
    track(this.#batches, run);
    void run.then(() => running.delete(batch));
  }

  /**
   * Runs one batch. Whatever the channel does, every attempt gets exactly one result.
   * The account is looked up anew, so that a stream goes on with the new settings after
   * a Configure.
   */
  async #run(name: string, batch: Answering): Promise<void> {
    const open = this.#accounts.get(name);
    if (!open || batch.attempts.length === 0) return batch.finish("unanswered");
    let code = "unanswered";
    const call = (async () => open.account.deliver(batch))().catch((e: unknown) => {
      code = "panic";
      logPanic(e);
    });
    track(open.running, call);
    await call;
    batch.finish(code);
  }
}

/** Keeps a promise in a set until it is settled. */
function track(set: Set<Promise<void>>, promise: Promise<void>): void {
  set.add(promise);
  void promise.then(() => set.delete(promise));
}

/** Waits for a promise, for so many milliseconds at most, and says whether that was long enough. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
