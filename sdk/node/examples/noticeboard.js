#!/usr/bin/node
// A Carillon channel that appends each message to a file.
import { open } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { Class, delivered, each, Faults, rejected, serve, unknown } from "@carillonhq/sdk";

/** @import { Account, AccountConfig, Attempt, Batch, Channel } from "@carillonhq/sdk" */

/** @implements {Channel} */
export class Noticeboard {
  describe() {
    return {
      name: "noticeboard",
      version: "1.0.0",
      content: ["title", "body"],
      addressKind: "recipient", // the recipient's id: every send has one
      settingsSchema: {
        type: "object",
        properties: { file: { type: "string" } },
        required: ["file"],
        additionalProperties: false,
      },
    };
  }

  /** @param {AccountConfig} config */
  async open(config) {
    const settings = config.decode({ file: "" });
    const faults = new Faults();
    faults.add(isAbsolute(settings.file), "file", "must be an absolute path");
    faults.check();
    const file = await open(settings.file, "a", 0o600).catch((e) => faults.add(false, "file", e.message));
    faults.check();
    return new Board(/** @type {import("node:fs/promises").FileHandle} */ (file));
  }
}

/** @implements {Account} */
class Board {
  /** @param {import("node:fs/promises").FileHandle} file */
  constructor(file) {
    this.file = file;
  }

  /** @param {Batch} batch */
  deliver(batch) {
    return each(batch, 4, (attempt) => this.post(attempt)); // four at a time
  }

  /** @param {Attempt} attempt */
  async post({ recipient, content, key }) {
    if (!content?.title && !content?.body) return rejected(Class.Message, "no_text"); // it can never be sent like this
    try {
      await this.file.write(`${[recipient, content.title, content.body].map((s) => JSON.stringify(s)).join("\t")}\n`);
    } catch {
      return unknown("write"); // part of it may be there
    }
    return delivered(key);
  }

  close() {
    return this.file.close();
  }
}

await serve(new Noticeboard(), import.meta.url);
