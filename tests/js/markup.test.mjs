/** The subset of Markdown: what it understands, and that any text keeps its words and adds nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { mentionFinder, parse } from "../../static/js/markup.js";

/** A short form of the nodes: `["strong", "bold"]`. */
const short = (nodes) =>
  nodes.map((node) => {
    if (typeof node === "string") return node;
    const { type, children, items, text, href, start } = node;
    if (type === "text") return short(children);
    if (type === "list") return [start === null ? "ul" : `ol ${start}`, ...items.map(short)];
    if (children !== undefined) return [type, ...short(children)];
    return href === undefined || href === text ? [type, text] : [type, text, href];
  });

const line = (text) => short(parse(text))[0];

const CASES = [
  ["hello", ["hello"]],
  ["a **bold** word", ["a ", ["strong", "bold"], " word"]],
  ["*one* and _two_", [["em", "one"], " and ", ["em", "two"]]],
  ["**bold *and italic***", [["strong", "bold ", ["em", "and italic"]]]],
  ["2*3*4, snake_case_name, **", ["2*3*4, snake_case_name, **"]],
  ["x * not* and ** not**", ["x * not* and ** not**"]],
  ["*open", ["*open"]],
  ["*over\nlines*", ["*over\nlines*"]],
  ["use `a*b*c` here", ["use ", ["code", "a*b*c"], " here"]],
  ["``a ` b``", [["code", "a ` b"]]],
  ["`` and `open", ["`` and `open"]],
  ["see https://example.org/a_b_c, ok", ["see ", ["link", "https://example.org/a_b_c"], ", ok"]],
  ["(https://example.org/a_(b))", ["(", ["link", "https://example.org/a_(b)"], ")"]],
  ["HTTP://EXAMPLE.org.", [["link", "HTTP://EXAMPLE.org", "http://example.org/"], "."]],
  ["mailto:ann@example.org!", [["link", "mailto:ann@example.org"], "!"]],
  ["javascript:alert(1) ftp://x https:// xhttps://a.org", ["javascript:alert(1) ftp://x https:// xhttps://a.org"]],
  ["https://a\u202egro.b", [["link", "https://a", "https://a/"], "\u202egro.b"]],
  ["hi @ann, mail a@b.org @", ["hi ", ["mention", "@ann"], ", mail a@b.org @"]],
  ["@Jörg-Ä. hi", [["mention", "@Jörg-Ä"], ". hi"]],
];

for (const [text, expected] of CASES) {
  test(`${JSON.stringify(text)} has these parts`, () => assert.deepEqual(line(text), expected));
}

const BLOCKS = [
  ["a\n```js\nlet x = *1*\n```\nb", [["a"], ["pre", "let x = *1*"], ["b"]]],
  ["```\nnever closed", [["```\nnever closed"]]],
  ["> quoted\n> **more**\nanswer", [["quote", ["quoted\n", ["strong", "more"]]], ["answer"]]],
  ["> > deep", [["quote", ["quote", ["deep"]]]]],
  ["- one\n- *two*", [["ul", ["one"], [["em", "two"]]]]],
  ["3. three\n4. four", [["ol 3", ["three"], ["four"]]]],
  ["-1 degrees\n--", [["-1 degrees\n--"]]],
  [">", [[">"]]],
];

for (const [text, expected] of BLOCKS) {
  test(`${JSON.stringify(text)} has these blocks`, () => assert.deepEqual(short(parse(text)), expected));
}

const PEOPLE = ["ann", "Ann Lee", "Zoë van Dam", ":-)", ""];
const MENTIONS = [
  ["@Ann Lee!", "@Ann Lee"],
  ["@ann  lee", "@ann"],
  ["@ann leer", "@ann"],
  ["@zoË van dam.", "@zoË van dam"],
  ["@:-) hi", "@:-)"],
  ["@somebody.else", "@somebody.else"],
  ["@ ann", ""],
];

for (const [text, expected] of MENTIONS) {
  test(`${text} mentions “${expected}” among known people`, () => {
    const found = parse(text, mentionFinder(() => PEOPLE))[0].children.filter((node) => node.type === "mention");
    assert.deepEqual(found.map((node) => node.text), expected === "" ? [] : [expected]);
  });
}

test("a list of people decides where a mention ends", () => {
  const find = (text, at) => (text.startsWith("Ann Lee", at) ? "Ann Lee" : "");
  assert.deepEqual(short(parse("@Ann Lee! @bob", find))[0], [["mention", "@Ann Lee"], "! @bob"]);
});

/** A generator of numbers from 0 to 1, the same in every run (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PIECES = [
  "word", "ä", " ", "  ", "\n", "\n\n", "*", "**", "***", "_", "`", "``", "```", "```js", "> ", ">", "- ", "1. ",
  "@", "@ann", "https://example.org/x", "http://", "mailto:a@b.c", "(", ")", ".", "<b>", "<script>", "javascript:",
  "&amp;", "\u202e", "\u0000", "🙂", "\\", "[a](b)",
];

/** @returns {string[]} All texts of a tree, in their order. */
const textsOf = (nodes) =>
  nodes.flatMap((node) => {
    if (typeof node === "string") return [node];
    const { children, items, text, language = "" } = node;
    return [...(language ? [language] : []), ...(text === undefined ? [] : [text]), ...textsOf(children ?? items?.flat() ?? [])];
  });

const letters = (text) => text.replace(/[^\p{L}<&;[\]\\\u202e\u0000🙂]/gu, "");

test("any text keeps its words, in their order", () => {
  const random = seeded(1);
  for (let round = 0; round < 5_000; round += 1) {
    const pieces = Array.from({ length: 1 + Math.floor(random() * 14) }, () => PIECES[Math.floor(random() * PIECES.length)]);
    const text = pieces.join("");
    assert.equal(letters(textsOf(parse(text)).join("")), letters(text), JSON.stringify(text));
  }
});

test("any link has an allowed protocol and is a part of the text", () => {
  const random = seeded(2);
  const walk = (nodes, text) => {
    for (const node of nodes) {
      if (typeof node === "string") continue;
      if (node.type === "link") {
        assert.match(node.href, /^(?:https?:\/\/|mailto:)/);
        assert.ok(text.includes(node.text));
      }
      walk(node.children ?? node.items?.flat() ?? [], text);
    }
  };
  for (let round = 0; round < 5_000; round += 1) {
    const pieces = Array.from({ length: 12 }, () => PIECES[Math.floor(random() * PIECES.length)]);
    walk(parse(pieces.join("")), pieces.join(""));
  }
});

test("no message of 4,096 characters makes more nodes than it has characters", () => {
  for (const piece of PIECES) {
    const text = `${piece}a`.repeat(Math.ceil(4096 / (piece.length + 1))).slice(0, 4096);
    const count = (nodes) => nodes.reduce((sum, node) => sum + 1 + count(node.children ?? node.items?.flat() ?? []), 0);
    assert.ok(count(parse(text)) <= text.length + 1, JSON.stringify(piece));
  }
});
