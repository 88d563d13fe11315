/** Names, times, counts, typing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { wait } from "./support/browser.mjs";

const { codePoints } = await import("../../static/js/composer.js");
const { nameKey } = await import("../../static/js/client/names.js");
const { OwnTyping } = await import("../../static/js/client/typing.js");
const { hueClass } = await import("../../static/js/names.js");
const { shortCount } = await import("../../static/js/roomstate.js");
const { shortLabel } = await import("../../static/js/times.js");
const { typingLine } = await import("../../static/js/typing.js");

for (const [one, other] of [["Ann", "ann"], [" ann  lee ", "Ann\u00a0Lee"], ["\uff21nn", "ann"]]) {
  test(`“${one}” and “${other}” are one user`, () => {
    assert.equal(nameKey(one), nameKey(other));
    assert.equal(hueClass(one), hueClass(other));
  });
}

for (const other of ["anna", "a nn"]) {
  test(`“ann” and “${other}” are two users`, () => assert.notEqual(nameKey("ann"), nameKey(other)));
}

test("the time of another day shows its date", () => {
  const now = new Date(2026, 10, 24, 12, 0);
  assert.equal(shortLabel(new Date(2026, 10, 24, 9, 5), now), "09:05");
  assert.equal(shortLabel(new Date(2026, 10, 23, 9, 5), now), "23 Nov, 09:05");
});

test("text is counted in code points", () => {
  assert.equal(codePoints("añ𝄞"), 3);
  assert.equal(codePoints(""), 0);
});

test("a badge has three characters at most", () => {
  assert.deepEqual([1, 99, 100].map((count) => shortCount(count)), ["1", "99", "99+"]);
});

test("one typist is named, several are counted", () => {
  assert.equal(typingLine([]), "");
  assert.equal(typingLine(["ann"]), "ann is typing…");
  assert.equal(typingLine(["ann", "bob"]), "2 people are typing…");
});

function typing() {
  const sent = [];
  return { sent, own: new OwnTyping((isTyping) => sent.push(isTyping)) };
}

test("typing is sent every three seconds at most and ends after a pause of two", () => {
  const { sent, own } = typing();
  for (let count = 0; count < 8; count += 1) {
    own.pressed();
    wait(1_000);
  }
  assert.deepEqual(sent, [true, true, true]);
  wait(1_000);
  assert.deepEqual(sent, [true, true, true, false]);
});

test("sending the text ends the typing once", () => {
  const { sent, own } = typing();
  own.pressed();
  own.ended();
  own.ended();
  wait(5_000);
  assert.deepEqual(sent, [true, false]);
});

test("after a loss typing is sent again, and its end is not", () => {
  const { sent, own } = typing();
  own.pressed();
  own.forget();
  wait(5_000);
  assert.deepEqual(sent, [true]);
  own.pressed();
  assert.deepEqual(sent, [true, true]);
});
