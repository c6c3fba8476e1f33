/**
 * What the engine and a plugin must agree on below the protocol itself. A plugin's
 * author never needs it.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MethodDefinition } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import type { Attempt } from "./channel.js";

/** The number of the plugin protocol, channel.v1. */
export const VERSION = 1;

/**
 * Keeps somebody who starts a plugin by hand from waiting for nothing. It is no
 * authentication: mutual TLS is.
 */
export const COOKIE = ["CARILLON_PLUGIN", "channel.v1"] as const;

/** Bounds one gRPC message each way, in bytes. */
export const MAX_MESSAGE = 32 << 20;

export const OPTIONS = { "grpc.max_receive_message_length": MAX_MESSAGE, "grpc.max_send_message_length": MAX_MESSAGE };

export interface DescribeResponse {
  name: string;
  version: string;
  content: string[];
  addressKind: string;
  maxBatch: number;
  idempotent: boolean;
  idempotencySeconds: number;
  deadlineMs: number;
  settingsSchema: string;
  secrets: string[];
  limits: string[];
  urgentStream: boolean;
  maxPerSecond: number;
  maxConnections: number;
}

export interface ConfigureRequest {
  account: string;
  settings: Uint8Array;
  secrets: { key: string; value: string }[];
}

export interface ConfigureResponse {
  faults: { path: string; message: string }[];
  connections: number;
}

export interface DeliverRequest {
  account: string;
  attempts: Attempt[];
  urgent: boolean;
}

export interface Result {
  token: unknown;
  verdict: number;
  providerMessageId: string;
  class: number;
  code: string;
  retryAfterMs: number;
  limit: string;
}

export interface DeliverResponse {
  results: Result[];
  credits: number;
}

const folder = fileURLToPath(new URL("../../proto/", import.meta.url));
const root = new protobuf.Root();
root.resolvePath = (_, target) => (target.startsWith("google/") ? target : join(folder, target));
root.loadSync("channel/v1/channel.proto");

/** Looks a message of the protocol up. */
export const message = (name: string) => root.lookupType(name);

/** Describes a call for gRPC, with a request and an answer of these messages. */
function method<Q extends object, A extends object>(name: string, stream = false): MethodDefinition<Q, A> {
  const request = message(`channel.v1.${name}Request`);
  const response = message(`channel.v1.${name}Response`);
  const read = name === "Deliver" ? readAttempts : (q: unknown) => q;
  return {
    path: `/channel.v1.Channel/${name}`,
    requestStream: stream,
    responseStream: stream,
    requestSerialize: (q) => request.encode(q).finish() as Buffer,
    requestDeserialize: (b) => read(request.decode(b)) as Q,
    responseSerialize: (a) => response.encode(a).finish() as Buffer,
    responseDeserialize: (b) => response.decode(b) as unknown as A,
  };
}

/**
 * Makes plain numbers of an attempt's times. Only its token needs all 64 bits, which
 * no number has: it stays as it is.
 */
function readAttempts(request: unknown): unknown {
  for (const a of (request as { attempts: { expiresMs: unknown; deadlineMs: unknown }[] }).attempts) {
    a.expiresMs = Number(a.expiresMs);
    a.deadlineMs = Number(a.deadlineMs);
  }
  return request;
}

export const CHANNEL = {
  Describe: method<object, DescribeResponse>("Describe"),
  Configure: method<ConfigureRequest, ConfigureResponse>("Configure"),
  Deliver: method<DeliverRequest, DeliverResponse>("Deliver", true),
};
