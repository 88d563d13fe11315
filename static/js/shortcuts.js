/** The keys that work anywhere on the chat page, and the list of all keys. */

import { find, make } from "./dom.js";
import { isApple, isComposing } from "./keys.js";
import { t } from "./messages.js";

/** Fields and lists use letters for themselves. */
const KEEPS_LETTERS = "input, textarea, select, [contenteditable], dialog, [role=listbox], [role=menu]";

/** Each key, as it is printed here, and the text that explains it. */
const SHORTCUTS = /** @type {const} */ ([
  ["Enter", "shortcuts.send-or-line"],
  ["Shift+Enter", "shortcuts.line"],
  ["Command+Enter", "shortcuts.send"],
  ["ArrowUp", "shortcuts.edit-last"],
  ["Command+B", "shortcuts.bold"],
  ["Command+I", "shortcuts.italic"],
  ["@", "shortcuts.mention"],
  [":", "shortcuts.emoji"],
  ["Command+K", "shortcuts.switch"],
  ["F6", "shortcuts.region"],
  ["Escape", "shortcuts.close"],
  ["?", "shortcuts.help"],
]);

/** Keys with a name in the language of the person, or a sign. */
const NAMES = new Map([
  ["Command", isApple ? "⌘" : t("shortcuts.key-ctrl")],
  ["Shift", t("shortcuts.key-shift")],
  ["ArrowUp", "↑"],
  ["Escape", "Esc"],
]);

/**
 * @param {KeyboardEvent} event
 * @param {boolean} keepsLetters Whether the focused element uses letters for itself.
 * @returns {"help" | "write" | null} What a key pressed anywhere does.
 */
export function actionOf(event, keepsLetters) {
  if (keepsLetters || event.defaultPrevented || isComposing(event)) return null;
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (event.key === "?") return "help";
  // The space bar scrolls, and presses buttons.
  return event.key.length === 1 && event.key !== " " ? "write" : null;
}

/**
 * Start listening.
 *
 * @param {HTMLElement} page Its keys are without effect while it is hidden.
 * @param {() => void} onWrite The next letter belongs into the field for messages.
 */
export function listenForShortcuts(page, onWrite) {
  const dialog = find("#shortcuts", HTMLDialogElement, page);
  const list = find("dl", HTMLElement, dialog);
  const show = () => {
    list.replaceChildren(...SHORTCUTS.flatMap(([keys, text]) => [keysElement(keys), make("dd", "", t(text))]));
    dialog.showModal();
  };
  find("#shortcuts-open", HTMLButtonElement, page).addEventListener("click", show);
  find("button", HTMLButtonElement, dialog).addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (document.activeElement === document.body) onWrite(); // Nothing had the focus before.
  });
  document.addEventListener("keydown", (event) => {
    const isCovered = page.hidden !== false || document.querySelector("dialog[open]") !== null;
    const keepsLetters = event.target instanceof Element && event.target.closest(KEEPS_LETTERS) !== null;
    const action = actionOf(event, isCovered || keepsLetters);
    if (action === "write") onWrite();
    if (action !== "help") return;
    event.preventDefault();
    show();
  });
}

/** @param {string} keys */
function keysElement(keys) {
  const term = make("dt", "");
  for (const [at, key] of keys.split("+").entries()) {
    if (at > 0) term.append("+");
    term.append(make("kbd", "", NAMES.get(key) ?? key));
  }
  return term;
}
