/**
 * Parses the text of a message: a small subset of Markdown. Knows no page.
 *
 * The rules of this file: a text that is not understood stays as typed, every word stays, and nothing
 * but the node types below comes out. `richtext.js` makes elements of the nodes.
 *
 * Blocks: fenced code (three backticks on lines of their own), quotes (`>`), lists (`-`, `*`, `1.`).
 * In a line: `` `code` ``, `**bold**`, `*italic*` or `_italic_`, links (http, https, mailto), mentions.
 */

import { nameKey } from "./client/names.js";

/**
 * @typedef {{type: "link", href: string, text: string} | {type: "mention", name: string, text: string}
 *   | {type: "code", text: string} | {type: "strong" | "em", children: Inline[]} | string} Inline
 *
 * @typedef {{type: "text", children: Inline[]} | {type: "pre", text: string, language: string}
 *   | {type: "quote", children: Block[]}
 *   | {type: "list", start: number | null, items: Inline[][]}} Block A list without `start` has bullets.
 *
 * @typedef {(text: string, at: number) => string} FindMention Returns the name that begins at a position,
 *   after the `@`; empty for none.
 */

/** Deeper quotes and emphases stay as typed. Nobody writes more, and it bounds the work. */
const MAX_DEPTH = 4;

/** Messages without any of this are plain, as most are. */
const MARKED = /[`*_@>]|https?:\/\/|mailto:|^ {0,3}(?:[-•]|\d{1,9}[.)])\s/im;

const FENCE = /^```([\w+#.-]{0,20})\s*$/;
const FENCE_END = /^```\s*$/;
const QUOTE = /^>\s?/;
const BULLET = /^ {0,3}[-*•]\s+(?=\S)/;
const NUMBER = /^ {0,3}(\d{1,9})[.)]\s+(?=\S)/;

const URL_START = /https?:\/\/|mailto:/iy;
const URL_TEXT = /[^\s<>"`\u202a-\u202e\u2066-\u2069]+/y;
const URL_TAIL = /[.,;:!?'*_)\]}…]+$/;
const PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

/** A character that belongs to the word beside it. */
export const WORD = /[\p{L}\p{N}_]/u;
const MENTION = /[\p{L}\p{N}](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}])?/uy;

/**
 * Parse a message.
 *
 * @param {string} text
 * @param {FindMention} [findMention] The default takes letters, digits, dots, dashes and underscores.
 * @returns {Block[]} One block of text if nothing is marked up.
 */
export function parse(text, findMention = wordAt) {
  if (!MARKED.test(text)) return [{ type: "text", children: [text] }];
  return blocks(text.split("\n"), findMention, 0);
}

/**
 * @param {string} text
 * @param {number} at
 * @returns {string} The word of a name at a position; empty for none.
 */
export function wordAt(text, at) {
  MENTION.lastIndex = at;
  return MENTION.exec(text)?.[0] ?? "";
}

/**
 * Find the names of known people, which may have spaces, and words for all others.
 *
 * @param {() => Iterable<string>} names Of people. Read at each mention, since people come and go.
 * @returns {FindMention} It prefers the longest name. Names of one user, such as `Ann` and `ann`, match.
 */
export function mentionFinder(names) {
  return (text, at) => {
    let found = wordAt(text, at);
    for (const name of names()) {
      const candidate = text.slice(at, at + name.length);
      if (name.length <= found.length || WORD.test(text[at + name.length] ?? "")) continue;
      if (candidate.trim() !== "" && nameKey(candidate) === nameKey(name)) found = candidate;
    }
    return found;
  };
}

/**
 * @param {string[]} lines
 * @param {FindMention} findMention
 * @param {number} depth
 * @returns {Block[]}
 */
function blocks(lines, findMention, depth) {
  /** @type {Block[]} */
  const found = [];
  /** @type {string[]} */
  let plain = [];
  const endText = () => {
    if (plain.some((line) => line.trim() !== "")) {
      found.push({ type: "text", children: inline(plain.join("\n"), findMention, 0) });
    }
    plain = [];
  };
  // Without it, a message of many unclosed fences would search the rest of the text for each of them.
  const lastFence = lines.findLastIndex((line) => FENCE_END.test(line));
  let at = 0;
  while (at < lines.length) {
    const block = codeAt(lines, at, lastFence) ?? quoteAt(lines, at, findMention, depth) ?? listAt(lines, at, findMention);
    if (block === null) {
      plain.push(lines[at]);
      at += 1;
    } else {
      endText();
      found.push(block.block);
      at = block.next;
    }
  }
  endText();
  return found;
}

/** @typedef {{block: Block, next: number} | null} Found A block, and the line after it. */

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} lastFence
 * @returns {Found}
 */
function codeAt(lines, at, lastFence) {
  const fence = at < lastFence ? FENCE.exec(lines[at]) : null;
  if (fence === null) return null;
  const end = lines.findIndex((line, number) => number > at && FENCE_END.test(line));
  return { block: { type: "pre", text: lines.slice(at + 1, end).join("\n"), language: fence[1] }, next: end + 1 };
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {FindMention} findMention
 * @param {number} depth
 * @returns {Found}
 */
function quoteAt(lines, at, findMention, depth) {
  const next = endOfRun(lines, at, QUOTE);
  if (next === at || depth >= MAX_DEPTH) return null;
  const quoted = lines.slice(at, next).map((line) => line.replace(QUOTE, ""));
  const children = blocks(quoted, findMention, depth + 1);
  return children.length === 0 ? null : { block: { type: "quote", children }, next };
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {FindMention} findMention
 * @returns {Found}
 */
function listAt(lines, at, findMention) {
  const number = NUMBER.exec(lines[at]);
  const mark = number === null ? BULLET : NUMBER;
  const next = endOfRun(lines, at, mark);
  if (next === at) return null;
  const items = lines.slice(at, next).map((line) => inline(line.replace(mark, ""), findMention, 0));
  return { block: { type: "list", start: number === null ? null : Number(number[1]), items }, next };
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {RegExp} mark
 * @returns {number} The first line from `at` on that does not match.
 */
function endOfRun(lines, at, mark) {
  let next = at;
  while (next < lines.length && mark.test(lines[next])) next += 1;
  return next;
}

/**
 * @param {string} text
 * @param {FindMention} findMention
 * @param {number} depth
 * @returns {Inline[]}
 */
function inline(text, findMention, depth) {
  /** @type {Inline[]} */
  const found = [];
  let plain = 0;
  let at = 0;
  while (at < text.length) {
    const node = inlineAt(text, at, findMention, depth);
    if (node === null) {
      at += 1;
    } else {
      if (at > plain) found.push(text.slice(plain, at));
      found.push(node.node);
      at = plain = node.next;
    }
  }
  if (plain < text.length) found.push(text.slice(plain));
  return found;
}

/** @typedef {{node: Inline, next: number} | null} FoundInline A node, and the position after it. */

/**
 * @param {string} text
 * @param {number} at
 * @param {FindMention} findMention
 * @param {number} depth
 * @returns {FoundInline}
 */
function inlineAt(text, at, findMention, depth) {
  switch (text[at]) {
    case "`":
      return inlineCode(text, at);
    case "*":
      return emphasis(text, at, text[at + 1] === "*" ? "**" : "*", findMention, depth);
    case "_":
      return emphasis(text, at, "_", findMention, depth);
    case "@":
      return mention(text, at, findMention);
    case "h":
    case "H":
    case "m":
    case "M":
      return link(text, at);
    default:
      return null;
  }
}

/**
 * @param {string} text
 * @param {number} at
 * @returns {FoundInline}
 */
function inlineCode(text, at) {
  if (text[at - 1] === "`") return null;
  let start = at;
  while (text[start] === "`") start += 1;
  const mark = text.slice(at, start);
  const line = lineEnd(text, at);
  for (let end = text.indexOf(mark, start); end >= 0 && end < line; end = text.indexOf(mark, end)) {
    let after = end;
    while (text[after] === "`") after += 1;
    const code = text.slice(start, end);
    if (after - end === mark.length && code.trim() !== "") return { node: { type: "code", text: code }, next: after };
    end = after;
  }
  return null;
}

/**
 * Emphasis begins before a word and ends behind one, in the same line: `2*3*4` and `snake_case_name` are
 * none.
 *
 * @param {string} text
 * @param {number} at
 * @param {string} mark
 * @param {FindMention} findMention
 * @param {number} depth
 * @returns {FoundInline}
 */
function emphasis(text, at, mark, findMention, depth) {
  const start = at + mark.length;
  const sign = mark[0];
  if (depth >= MAX_DEPTH || isIn(text[at - 1], sign) || !isFull(text[start], sign)) return null;
  const line = lineEnd(text, at);
  for (let end = text.indexOf(mark, start + 1); end >= 0 && end < line; end = text.indexOf(mark, end + 1)) {
    // A bold text may end with an italic one: three stars.
    const endsWord = isFull(text[end - 1], mark.length > 1 ? "" : sign);
    if (!endsWord || isIn(text[end + mark.length], sign)) continue;
    const children = inline(text.slice(start, end), findMention, depth + 1);
    return { node: { type: mark === "**" ? "strong" : "em", children }, next: end + mark.length };
  }
  return null;
}

/**
 * @param {string | undefined} character
 * @param {string} sign
 */
function isIn(character, sign) {
  return character !== undefined && (character === sign || WORD.test(character));
}

/**
 * @param {string | undefined} character
 * @param {string} sign
 */
function isFull(character, sign) {
  return character !== undefined && character !== sign && character.trim() !== "";
}

/**
 * @param {string} text
 * @param {number} at
 * @returns {FoundInline}
 */
function link(text, at) {
  URL_START.lastIndex = at;
  const start = URL_START.exec(text);
  if (start === null || (at > 0 && WORD.test(text[at - 1]))) return null;
  URL_TEXT.lastIndex = at;
  const shown = withoutTail(URL_TEXT.exec(text)?.[0] ?? "");
  if (shown.length <= start[0].length || !URL.canParse(shown)) return null;
  const { protocol, href } = new URL(shown);
  return PROTOCOLS.has(protocol) ? { node: { type: "link", href, text: shown }, next: at + shown.length } : null;
}

/**
 * @param {string} address
 * @returns {string} Without the signs behind it that belong to the sentence. A bracket that the address
 *   opens belongs to the address.
 */
function withoutTail(address) {
  const tail = URL_TAIL.exec(address)?.[0] ?? "";
  let end = address.length - tail.length;
  let open = count(address.slice(0, end), "(") - count(address.slice(0, end), ")");
  for (const [offset, sign] of [...tail].entries()) {
    if (sign !== ")" || open <= 0) continue;
    open -= 1;
    end = address.length - tail.length + offset + 1;
  }
  return address.slice(0, end);
}

/**
 * @param {string} text
 * @param {string} sign
 */
function count(text, sign) {
  return text.split(sign).length - 1;
}

/**
 * @param {string} text
 * @param {number} at
 * @param {FindMention} findMention
 * @returns {FoundInline}
 */
function mention(text, at, findMention) {
  if (at > 0 && isIn(text[at - 1], "@")) return null;
  const name = findMention(text, at + 1);
  if (name === "") return null;
  const next = at + 1 + name.length;
  return { node: { type: "mention", name, text: text.slice(at, next) }, next };
}

/**
 * @param {string} text
 * @param {number} at
 */
function lineEnd(text, at) {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}
