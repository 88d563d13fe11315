/** Names, times, counts, typing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { wait } from "./support/browser.mjs";

const { codePoints } = await import("../../static/js/composer.js");
const { nameKey } = await import("../../static/js/client/names.js");
const { OwnTyping } = await import("../../static/js/client/typing.js");
const { hueClass } = await import("../../static/js/names.js");
const { shortCount } = await import("../../static/js/roomstate.js");
const { dayLabel, untilMidnight } = await import("../../static/js/times.js");
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

test("a day of this year has no year, and a new day begins at midnight", () => {
  const now = new Date(2026, 10, 24, 23, 59, 30);
  assert.equal(untilMidnight(now), 30_000);
  assert.doesNotMatch(dayLabel(new Date(2026, 10, 2), now), /2026/);
  assert.match(dayLabel(new Date(2024, 10, 2), now), /2024/);
});

test("text is counted in code points", () => {
  assert.equal(codePoints("añ𝄞"), 3);
  assert.equal(codePoints(""), 0);
});

test("a badge has three characters at most", () => {
  assert.deepEqual([1, 99, 100].map((count) => shortCount(count)), ["1", "99", "99+"]);
});

test("up to two typists are named, more are counted", () => {
  assert.equal(typingLine([]), "");
  assert.equal(typingLine(["ann"]), "\u2068ann\u2069 is typing…");
  assert.equal(typingLine(["ann", "b\u202eob"]), "\u2068ann\u2069 and \u2068b\ufffdob\u2069 are typing…");
  assert.equal(typingLine(["ann", "bob", "cat"]), "3 people are typing…");
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
