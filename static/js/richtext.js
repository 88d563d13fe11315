/**
 * Makes elements of a message's text. Only text nodes carry what people wrote, so no text becomes markup.
 *
 * `markup.js` parses the text.
 */

import { make, makeButton } from "./dom.js";
import { parse } from "./markup.js";
import { t } from "./messages.js";

/** @typedef {import("./markup.js").Block} Block */
/** @typedef {import("./markup.js").Inline} Inline */
/** @typedef {{findMention?: import("./markup.js").FindMention, isSelf?: (name: string) => boolean,
 *   names?: () => Iterable<string>}} People `names` are those to mention, the likeliest first. */

/** Embeddings and overrides of the direction, which can make a text look like another one. */
const OVERRIDES = /[\u202a-\u202e]/g;

/** Control characters without a meaning in a chat. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * @param {string} text
 * @returns {string} With a visible sign in place of each character that changes the order of others, or
 *   that has no sign.
 */
export function harmless(text) {
  return text.replace(OVERRIDES, "\ufffd").replace(CONTROLS, "\ufffd");
}

/**
 * @param {string} text A message.
 * @param {People} [people]
 * @returns {HTMLElement[]} One or more blocks.
 */
export function richText(text, { findMention, isSelf = () => false } = {}) {
  return parse(text, findMention).map((block) => blockElement(block, isSelf));
}

/**
 * @param {Block} block
 * @param {(name: string) => boolean} isSelf
 * @returns {HTMLElement}
 */
function blockElement(block, isSelf) {
  switch (block.type) {
    case "pre":
      return codeBlock(block);
    case "quote": {
      const quote = make("blockquote", "quote");
      quote.append(...block.children.map((child) => blockElement(child, isSelf)));
      return quote;
    }
    case "list": {
      const list = make(block.start === null ? "ul" : "ol", "list");
      list.dir = "auto";
      if (list instanceof HTMLOListElement && block.start !== null) list.start = block.start;
      for (const item of block.items) list.append(withChildren(make("li", ""), item, isSelf));
      return list;
    }
    default: {
      const paragraph = make("p", "paragraph");
      paragraph.dir = "auto";
      return withChildren(paragraph, block.children, isSelf);
    }
  }
}

/** @param {{text: string, language: string}} block */
function codeBlock({ text, language }) {
  const figure = make("figure", "code-block");
  const head = make("figcaption", "code-head");
  const copy = makeButton("text-button copy", t("text.copy"));
  copy.dataset.copy = "";
  head.append(make("span", "code-language", language), copy);
  const pre = make("pre", "");
  pre.dir = "ltr";
  pre.tabIndex = 0; // It may scroll sideways, and the keyboard must reach it.
  pre.append(make("code", "", harmless(text)));
  figure.append(head, pre);
  return figure;
}

/**
 * @template {HTMLElement} T
 * @param {T} element
 * @param {Inline[]} children
 * @param {(name: string) => boolean} isSelf
 * @returns {T}
 */
function withChildren(element, children, isSelf) {
  for (const child of children) element.append(inlineNode(child, isSelf));
  return element;
}

/**
 * @param {Inline} node
 * @param {(name: string) => boolean} isSelf
 * @returns {Node | string}
 */
function inlineNode(node, isSelf) {
  if (typeof node === "string") return harmless(node);
  switch (node.type) {
    case "link": {
      const link = make("a", "", node.text);
      link.href = node.href;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      return link;
    }
    case "mention":
      return make("bdi", isSelf(node.name) ? "mention self" : "mention", harmless(node.text));
    case "code":
      return make("code", "", harmless(node.text));
    default:
      return withChildren(make(node.type, ""), node.children, isSelf);
  }
}

/**
 * Copy the code of the block whose button was pressed.
 *
 * @param {HTMLElement} button
 */
export async function copyCode(button) {
  const code = button.closest(".code-block")?.querySelector("code")?.textContent ?? "";
  await navigator.clipboard.writeText(code);
  button.textContent = t("text.copied");
  setTimeout(() => {
    button.textContent = t("text.copy");
  }, 2_000);
}
