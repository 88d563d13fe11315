/** The elements of messages: whatever people write, the page makes only harmless ones of it. */

import { equal, ok } from "./support.js";

const { harmless, richText } = await import("/static/js/richtext.js");

const COUNT = 4_000;

/** The allowed elements, with their allowed attributes. */
const ALLOWED = {
  A: ["class", "href", "target", "rel"],
  BDI: ["class"],
  BLOCKQUOTE: ["class"],
  BUTTON: ["class", "type", "data-copy"],
  CODE: ["class"],
  EM: ["class"],
  FIGCAPTION: ["class"],
  FIGURE: ["class"],
  LI: ["class"],
  OL: ["class", "dir", "start"],
  P: ["class", "dir"],
  PRE: ["class", "dir", "tabindex"],
  SPAN: ["class"],
  STRONG: ["class"],
  UL: ["class", "dir"],
};

const PIECES = [
  "word", "ä", "🙂", " ", "\n", "\n\n", "*", "**", "***", "_", "`", "``", "\n```\n", "\n```js\n", "\n> ", "\n- ", "\n7. ",
  "@", "@ann", "@Ann Lee", "https://example.org/x", "http://a@b:9/?q=<\"'>#z", "HTTPS://", "mailto:a@b.c", "javascript:alert(1)",
  "data:text/html,<b>", "vbscript:x", "//x.test", "[a](javascript:x)", "![a](https://x.test/i.png)", "(", ")", ".", "\\",
  "<b onclick=x>", "<script>", "<img src=x onerror=y>", "<a href=\"javascript:x\">", "\" style=\"x", "&amp;", "&#60;", "\u202e", "\u2068",
  "\u0000", "\u001b[31m", "\ud800", "%0a", "{{x}}", "${x}",
];

/** A generator of numbers from 0 to 1, the same in every run (mulberry32). */
function seeded(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function* messages() {
  const random = seeded(13);
  const below = (count) => Math.floor(random() * count);
  for (let at = 0; at < COUNT; at += 1) {
    const pieces = Array.from({ length: 1 + below(16) }, () =>
      random() < 0.9 ? PIECES[below(PIECES.length)] : String.fromCharCode(below(0x10000)),
    );
    yield pieces.join("");
  }
}

const people = {
  findMention: (text, at) => ["Ann Lee", "ann"].find((name) => text.startsWith(name, at)) ?? "",
  isSelf: (name) => name === "ann",
};

/** Letters, and the signs of markup languages. Numbers and `>` may become those of a list and of a quote. */
const words = (text) => harmless(text).replace(/[^\p{L}<&;"'=/\\]/gu, "");

/** Show a message on the page, and check each of its elements. */
function shown(text) {
  const box = document.createElement("div");
  box.append(...richText(text, people));
  document.body.append(box);
  for (const element of box.querySelectorAll("*")) {
    const allowed = ALLOWED[element.tagName];
    ok(allowed !== undefined, `<${element.tagName}> of ${JSON.stringify(text)}`);
    for (const { name } of element.attributes) ok(allowed.includes(name), `${element.tagName} ${name} of ${JSON.stringify(text)}`);
    if (element instanceof HTMLAnchorElement) {
      ok(["http:", "https:", "mailto:"].includes(element.protocol), `${element.href} of ${JSON.stringify(text)}`);
      equal([element.target, element.rel], ["_blank", "noopener noreferrer"]);
    }
  }
  box.remove();
  return box;
}

export const tests = {
  "any text makes allowed elements and attributes only, and links lead to the web or to mail": () => {
    const seen = new Set();
    for (const text of messages()) for (const element of shown(text).querySelectorAll("*")) seen.add(element.tagName);
    equal([...seen].sort(), Object.keys(ALLOWED).sort(), "each allowed element is made by some text");
  },

  "any text keeps its words, in their order": () => {
    for (const text of messages()) {
      const box = shown(text);
      for (const button of box.querySelectorAll("button")) button.remove();
      equal(words(box.textContent), words(text), JSON.stringify(text));
    }
  },
};
