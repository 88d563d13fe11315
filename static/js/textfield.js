/** Changes the text of a field, as the keyboard does. */

import { hasCommand } from "./keys.js";

/** The marks that the command key and a letter put around the selection. */
const MARKS = new Map([["b", "**"], ["i", "*"]]);

/** @typedef {{start: number, end: number, text: string, select: [start: number, end: number]}} Replacement
 *   A part of the text, what to write there, and the selection after that. */

/**
 * Replace a part of the text. The field reports an `input` event, and Undo brings the old text back.
 *
 * @param {HTMLTextAreaElement} field
 * @param {Replacement} replacement
 */
export function replaceText(field, { start, end, text, select }) {
  field.focus();
  field.setSelectionRange(start, end);
  // The only way that keeps Undo. A browser without it gets the text all the same.
  const isDone = document.execCommand(text === "" ? "delete" : "insertText", false, text);
  if (!isDone) {
    field.setRangeText(text, start, end, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  field.setSelectionRange(...select);
}

/**
 * Make the selection bold or italic, if the key means that.
 *
 * @param {KeyboardEvent} event
 * @param {HTMLTextAreaElement} field
 * @returns {boolean} Whether it does.
 */
export function markSelection(event, field) {
  const mark = hasCommand(event) && !event.shiftKey ? MARKS.get(event.key.toLowerCase()) : undefined;
  if (mark === undefined) return false;
  event.preventDefault();
  replaceText(field, wrapped(field.value, field.selectionStart, field.selectionEnd, mark));
  return true;
}

/**
 * Put marks around the selected words, or remove them.
 *
 * @param {string} text
 * @param {number} start Of the selection.
 * @param {number} end
 * @param {string} mark `**` for bold, `*` for italic.
 * @returns {Replacement} Spaces at the ends stay outside, since marks before a space mean nothing.
 */
export function wrapped(text, start, end, mark) {
  const selected = text.slice(start, end);
  const from = start + selected.length - selected.trimStart().length;
  const to = Math.max(from, end - (selected.length - selected.trimEnd().length));
  const inner = text.slice(from, to);
  const [before, after] = [from - mark.length, to + mark.length];
  if (marksAt(text, from, -1) === mark.length && marksAt(text, to, 1) === mark.length) {
    return { start: before, end: after, text: inner, select: [before, before + inner.length] };
  }
  const at = from + mark.length;
  return { start: from, end: to, text: `${mark}${inner}${mark}`, select: [at, at + inner.length] };
}

/**
 * @param {string} text
 * @param {number} at
 * @param {1 | -1} step The direction to look in.
 * @returns {number} The number of asterisks there.
 */
function marksAt(text, at, step) {
  let count = 0;
  for (let look = step > 0 ? at : at - 1; text[look] === "*"; look += step) count += 1;
  return count;
}

/** @param {HTMLTextAreaElement} field Gets the height of its text, up to what its style allows. */
export function fitHeight(field) {
  const scrolled = field.scrollTop;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  field.scrollTop = isAtEnd(field) ? field.scrollHeight : scrolled;
}

/** @param {HTMLTextAreaElement} field */
function isAtEnd(field) {
  return field.selectionStart === field.selectionEnd && field.selectionEnd === field.value.length;
}
