/** What the composer offers after `@` and `:`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import "./support/browser.mjs";

const { offersAt, wholeEmoji } = await import("../../static/js/completion.js");
const { peopleIn } = await import("../../static/js/mentions.js");
const { allEmoji, emojiNamed, findEmoji } = await import("../../static/js/emoji.js");

const PEOPLE = ["bob", "Ann Lee", "anna", "Ännchen", "Bob"];

/** The texts offered at the bar, with what stands before them. */
function offered(text) {
  const caret = text.indexOf("|");
  const found = offersAt(text.replace("|", ""), caret, () => PEOPLE);
  return found === null ? null : [text.slice(0, found.start), ...found.offers.map((offer) => offer.text)];
}

const CASES = [
  ["@|", ["", "@bob ", "@Ann Lee ", "@anna ", "@Ännchen "]],
  ["hi @AN| there", ["hi ", "@Ann Lee ", "@anna "]],
  ["(@bo|", ["(", "@bob "]],
  ["hi\n@lee|", ["hi\n", "@Ann Lee "]],
  ["@ann l|", ["", "@Ann Lee "]],
  ["@ann |", null],
  ["@ ann|", null],
  ["@nobody|", null],
  ["mail ann@b|", null],
  ["@ann\nl|", null],
  ["a :roc|", ["a ", "🚀 "]],
  ["@bob :roc|", ["@bob ", "🚀 "]],
  [":ROCK|", ["", "🚀 "]],
  [":fingers_c|", ["", "🤞 "]],
  [":r|", null],
  [":|", null],
  ["10:30|", null],
  ["https://exa|", null],
  [":-)|", null],
];

for (const [text, expected] of CASES) {
  test(`${JSON.stringify(text)} offers ${JSON.stringify(expected)}`, () => assert.deepEqual(offered(text), expected));
}

test("a name that begins so comes before one that contains it", () => {
  const { offers } = offersAt("@le", 3, () => ["Ann Lee", "leo"]);
  assert.deepEqual(offers.map(({ label }) => label), ["leo", "Ann Lee"]);
  assert.deepEqual(findEmoji("heart", 2).map(({ name }) => name), ["heart", "broken-heart"]);
  assert.deepEqual(findEmoji("car", 2).map(({ name }) => name), ["car", "card"]);
});

test("eight are offered at most, each character once", () => {
  const many = Array.from({ length: 20 }, (_, at) => `ann${at}`);
  assert.equal(offersAt("@a", 2, () => many).offers.length, 8);
  const signs = findEmoji("", 1_000).map(({ sign }) => sign);
  assert.equal(new Set(signs).size, signs.length);
});

test("a name in colons becomes its emoji, if it is one", () => {
  assert.deepEqual(wholeEmoji("go :tada: now", 9), { start: 3, end: 9, text: "🎉", select: [5, 5] });
  for (const text of ["x:tada:", ":nothing-such:", "10:30:", "::"]) assert.equal(wholeEmoji(text, text.length), null);
});

test("every name is typed easily, names one character, and is used once", () => {
  const names = allEmoji().map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length > 150);
  for (const { name, sign } of allEmoji()) {
    assert.match(name, /^[a-z0-9+-]+$/);
    assert.match(sign, /^\p{RGI_Emoji}$/v, name);
    assert.equal(emojiNamed(name.toUpperCase()), sign);
  }
});

test("recent authors come before other members", () => {
  const entries = ["ann", "bob", "ann"].map((username) => ({ type: "message", username }));
  entries.splice(1, 0, { type: "system", username: "dan" });
  assert.deepEqual(peopleIn({ timeline: { entries }, users: ["cleo", "ann"] }), ["ann", "bob", "cleo"]);
});
