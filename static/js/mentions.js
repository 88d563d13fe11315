/** Mentions, `@name` outside code: whether a message mentions a user, and the people to mention in a room. */

import { nameKey } from "./client/names.js";
import { parse, wordAt } from "./markup.js";

/** @typedef {import("./markup.js").Block | import("./markup.js").Inline} Node */

/** Authors of earlier messages are hardly part of the conversation. */
const RECENT_ENTRIES = 200;

const WORD = /[\p{L}\p{N}_]/u;

/**
 * @param {string} text
 * @param {string} name The user's own name. It may have blanks, as in `Ann Lee`.
 */
export function mentions(text, name) {
  if (!text.includes("@")) return false;
  const wanted = nameKey(name);
  /** @type {import("./markup.js").FindMention} */
  const find = (from, at) => {
    const part = from.slice(at, at + name.length);
    const after = from[at + name.length];
    return nameKey(part) === wanted && (after === undefined || !WORD.test(after)) ? part : wordAt(from, at);
  };
  return parse(text, find).some((block) => contains(block, wanted));
}

/**
 * @param {Node} node
 * @param {string} wanted The key of a name.
 * @returns {boolean}
 */
function contains(node, wanted) {
  if (typeof node === "string" || node.type === "code" || node.type === "pre" || node.type === "link") return false;
  if (node.type === "mention") return nameKey(node.name) === wanted;
  const children = node.type === "list" ? node.items.flat() : node.children;
  return children.some((child) => contains(child, wanted));
}

/**
 * @param {import("./client/room.js").Room} room
 * @returns {string[]} The people to mention there: authors of recent messages first, the newest at the
 *   top, then the members.
 */
export function peopleIn({ timeline, users }) {
  const messages = timeline.entries.slice(-RECENT_ENTRIES).filter(({ type }) => type === "message");
  const authors = messages.map(({ username = "" }) => username).reverse();
  return [...new Set([...authors, ...users])];
}
