/** What a key does that is pressed outside any field. */

import assert from "node:assert/strict";
import { test } from "node:test";
import "./support/browser.mjs";

const { actionOf } = await import("../../static/js/shortcuts.js");

const CASES = [
  ["a letter", { key: "a" }, "write"],
  ["a letter of another script", { key: "ж" }, "write"],
  ["a capital letter", { key: "A", shiftKey: true }, "write"],
  ["the question mark", { key: "?", shiftKey: true }, "help"],
  ["the space bar", { key: " " }, null],
  ["an arrow", { key: "ArrowDown" }, null],
  ["Escape", { key: "Escape" }, null],
  ["a letter with Ctrl", { key: "c", ctrlKey: true }, null],
  ["a letter with ⌘", { key: "c", metaKey: true }, null],
  ["a letter with Alt", { key: "c", altKey: true }, null],
  ["a key that another part of the page has used", { key: "a", defaultPrevented: true }, null],
  ["a key of an input method", { key: "a", isComposing: true }, null],
];

for (const [name, event, action] of CASES) {
  test(`${name} ${action === null ? "does nothing" : `begins to ${action}`}`, () => assert.equal(actionOf(event, false), action));
}

test("a field and a dialog keep their letters", () => {
  for (const key of ["a", "?"]) assert.equal(actionOf({ key }, true), null);
});
