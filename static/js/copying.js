/** Copies messages as plain text with their times and authors, and without the words of buttons. */

/** Each begins a line, and none is in another. */
const BLOCKS = "p, li, pre";

/** @param {HTMLElement} log The list of messages. */
export function followCopies(log) {
  document.addEventListener("copy", (event) => {
    const selection = getSelection();
    if (selection === null || selection.rangeCount === 0) return;
    const text = messagesIn(selection.getRangeAt(0), log);
    if (text === "") return;
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  });
}

/**
 * @param {Range} range
 * @param {HTMLElement} log
 * @returns {string} Empty unless it holds more than one message: the browser copies a part of one as it is.
 */
function messagesIn(range, log) {
  const rows = [...log.children].filter((row) => !row.matches(".divider") && range.intersectsNode(row));
  const texts = rows.map((row) => (row.matches(".message") ? messageText(row, range) : row.textContent.trim()));
  const messages = rows.filter((row, at) => row.matches(".message") && texts[at] !== "");
  return messages.length > 1 ? texts.filter(Boolean).join("\n") : "";
}

/**
 * @param {Element} row
 * @param {Range} range
 * @returns {string} `[10:00] ann: hello`; empty if the range has none of the text.
 */
function messageText(row, range) {
  const text = row.querySelector(".text");
  if (text === null || !range.intersectsNode(text)) return "";
  const part = document.createRange();
  part.selectNodeContents(text);
  if (part.comparePoint(range.startContainer, range.startOffset) === 0) part.setStart(range.startContainer, range.startOffset);
  if (part.comparePoint(range.endContainer, range.endOffset) === 0) part.setEnd(range.endContainer, range.endOffset);
  const words = linesOf(part.cloneContents());
  const [time, name] = ["time", ".name"].map((selector) => row.querySelector(selector)?.textContent.trim());
  return words === "" ? "" : `[${time}] ${name}: ${words}`;
}

/**
 * @param {DocumentFragment} content
 * @returns {string} Its text, with a line for each block.
 */
function linesOf(content) {
  for (const head of content.querySelectorAll("figcaption")) head.remove();
  for (const block of content.querySelectorAll(BLOCKS)) block.before("\n");
  return content.textContent.trim();
}
