/** The client package belongs to no page. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../static/js/client/", import.meta.url);
const PAGE = /\b(?:document|location|window|navigator|localStorage|sessionStorage)\s*[.[?]|from "\.\.\//;

for (const file of readdirSync(folder)) {
  test(`${file} uses nothing of a page`, () => assert.doesNotMatch(readFileSync(new URL(file, folder), "utf8"), PAGE));
}

test("the package loads without a browser", async () => {
  const { Session } = await import("../../static/js/client/index.js");
  assert.equal(typeof Session, "function");
});
