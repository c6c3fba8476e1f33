// The test that every channel should have: of the example.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Noticeboard } from "../examples/noticeboard.js";
import { Faults } from "../src/index.js";
import * as testing from "../src/testing.js";

test("verdicts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "board-"));
  const account = await new Noticeboard().open(testing.config({ file: `${folder}/board` }));
  const html = { title: "", body: "", html: "<p>", media: [], actions: [] };
  const verdicts = await testing.deliver(account, testing.attempt(0), testing.attempt(1, { content: html }));
  await account.close();
  assert.deepEqual(verdicts.map(String), ["delivered", "rejected message no_text"]);
  rmSync(folder, { recursive: true });
});

test("wrong settings are refused with their path", async () => {
  for (const [settings, path] of [
    [{ file: "board" }, "file"],
    [{}, "file"],
    [{ flie: "/board" }, "flie"],
    [{ file: "/" }, "file"],
  ] as const) {
    await assert.rejects(
      async () => new Noticeboard().open(testing.config(settings)),
      (e) => e instanceof Faults && e.faults.some((f) => f.path === path),
    );
  }
});
