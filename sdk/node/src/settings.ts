import { Secret } from "./secret.js";

/** One thing wrong in the settings. */
export interface Fault {
  /** Names the setting: "tls.mode". */
  path: string;
  /** Says what is wrong and what to do, and never shows a secret. */
  problem: string;
}

/** What Channel.open throws for wrong settings: all of them at once. */
export class Faults extends Error {
  readonly faults: Fault[] = [];

  /** Records a fault where ok is false. */
  add(ok: unknown, path: string, problem: string): void {
    if (ok) return;
    this.faults.push({ path, problem });
    this.message = this.faults.map((f) => (f.path ? `${f.path}: ${f.problem}` : f.problem)).join("; ");
  }

  /** Throws itself where there are any. */
  check(): void {
    if (this.faults.length > 0) throw this;
  }
}

/** A setting like "1.5s", "250ms" or "2m". */
export class Duration {
  constructor(readonly ms: number) {}

  /** Reads such a text; undefined where it is none. */
  static parse(text: unknown): Duration | undefined {
    if (text === "0") return new Duration(0);
    if (typeof text !== "string" || !/^-?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
    let ms = 0;
    for (const [, n, unit] of text.matchAll(/([\d.]+)([a-zµ]+)/g)) ms += Number(n) * UNITS[unit as keyof typeof UNITS];
    return new Duration(text.startsWith("-") ? -ms : ms);
  }
}

const UNITS = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** What an account is opened with. */
export class AccountConfig {
  readonly #secrets: ReadonlyMap<string, Secret>;

  constructor(
    /** The account's name in the engine's configuration. */
    readonly name = "",
    /** A JSON object that follows Description.settingsSchema. */
    readonly settings = "{}",
    secrets: ReadonlyMap<string, Secret> = new Map(),
  ) {
    this.#secrets = secrets;
  }

  /** Returns a secret; an empty one where it is not set. */
  secret(name: string): Secret {
    return this.#secrets.get(name) ?? new Secret();
  }

  /**
   * Reads the settings over a copy of defaults: an object that has every setting, with
   * the value that it has where it is left out. That value's type is the setting's:
   * a string, a number, a boolean, a Duration (written "1.5s"), a list of anything, or
   * an object of settings. null takes anything.
   *
   * What can't be read (an unknown setting, a wrong type) is thrown as Faults, all of
   * them at once, each with its path.
   */
  decode<T extends object>(defaults: T): T {
    const faults = new Faults();
    let value: unknown;
    try {
      value = JSON.parse(this.settings || "{}");
    } catch {
      value = undefined;
    }
    const read = object(defaults as Members, value, "", faults);
    faults.check();
    return read as T;
  }
}

type Members = Record<string, unknown>;

function object(defaults: Members, value: unknown, path: string, faults: Faults): Members {
  if (typeOf(value) !== "object") {
    faults.add(false, path, "must be a JSON object");
    return defaults;
  }
  const read = { ...defaults };
  for (const [name, member] of Object.entries(value as Members).sort()) {
    const at = path ? `${path}.${name}` : name;
    if (Object.hasOwn(defaults, name)) read[name] = setting(defaults[name], member, at, faults);
    else faults.add(false, at, `is no setting of this channel; known here: ${Object.keys(defaults).sort().join(", ")}`);
  }
  return read;
}

function setting(before: unknown, value: unknown, path: string, faults: Faults): unknown {
  if (before === null) return value;
  if (before instanceof Duration) {
    const duration = Duration.parse(value);
    faults.add(duration, path, 'must be a duration in quotes, such as "1.5s", "250ms" or "2m"');
    return duration;
  }
  const want = typeOf(before);
  if (want === "object") return object(before as Members, value, path, faults);
  faults.add(typeOf(value) === want, path, `is a ${typeOf(value)}, must be a ${want}`);
  return value;
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "list" : typeof value;
}
