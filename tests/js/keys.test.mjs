/** What Enter and the command key do, and how marks are put around a selection. */

import assert from "node:assert/strict";
import { test } from "node:test";
import "./support/browser.mjs";

const { hasCommand, isComposing, isSending } = await import("../../static/js/keys.js");
const { wrapped } = await import("../../static/js/textfield.js");

const enter = (more = {}) => ({ key: "Enter", code: "Enter", keyCode: 13, ...more });

const SENDING = [
  ["Enter", enter(), true, false],
  ["Shift+Enter", enter({ shiftKey: true }), false, false],
  ["Ctrl+Enter", enter({ ctrlKey: true }), true, true],
  ["⌘+Enter", enter({ metaKey: true }), true, true],
  ["Ctrl+Shift+Enter", enter({ ctrlKey: true, shiftKey: true }), false, false],
  ["Enter of a keyboard on the screen", enter({ code: "" }), false, false],
  ["Enter of an input method", enter({ isComposing: true }), false, false],
  ["Enter of an input method in Safari", enter({ keyCode: 229 }), false, false],
  ["another key", enter({ key: "a" }), false, false],
];

for (const [name, event, atDesk, onTouch] of SENDING) {
  test(`${name} ${atDesk ? "sends" : "does not send"} at a desk, and ${onTouch ? "sends" : "does not"} on a phone`, () => {
    assert.deepEqual([isSending(event, false), isSending(event, true)], [atDesk, onTouch]);
  });
}

test("an input method composes, in Safari too", () => {
  assert.deepEqual([{ isComposing: true }, { keyCode: 229 }, { keyCode: 13 }].map((event) => Boolean(isComposing(event))), [true, true, false]);
});

test("the command key is Ctrl, and ⌘ on Apple's systems", () => {
  const [ctrl, meta, altGr] = [{ ctrlKey: true }, { metaKey: true }, { ctrlKey: true, altKey: true }];
  const all = [ctrl, meta, altGr].map((keys) => ({ ctrlKey: false, metaKey: false, altKey: false, ...keys }));
  assert.deepEqual(all.map((event) => hasCommand(event, false)), [true, false, false]);
  assert.deepEqual(all.map((event) => hasCommand(event, true)), [false, true, false]);
});

/** Apply it to a text whose selection is between two bars. */
function mark(text, sign) {
  const [before, inside, after] = text.split("|");
  const [start, end] = [before.length, before.length + inside.length];
  const change = wrapped(before + inside + after, start, end, sign);
  const all = (before + inside + after).slice(0, change.start) + change.text + (before + inside + after).slice(change.end);
  const [from, to] = change.select;
  return `${all.slice(0, from)}|${all.slice(from, to)}|${all.slice(to)}`;
}

const MARKED = [
  ["a |word| b", "**", "a **|word|** b"],
  ["a **|word|** b", "**", "a |word| b"],
  ["a| word |b", "*", "a *|word|* b"],
  ["a **|word|** b", "*", "a ***|word|*** b"],
  ["||", "**", "**||**"],
  ["**||**", "**", "||"],
  ["|  |", "*", "  *||*"],
];

for (const [text, sign, expected] of MARKED) {
  test(`${sign} makes ${expected} of ${text}`, () => assert.equal(mark(text, sign), expected));
}
