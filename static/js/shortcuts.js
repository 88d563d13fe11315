/** The keys that work anywhere on the chat page. One of them opens the list of all keys (`shortcutlist.js`). */

import { find } from "./dom.js";
import { isComposing } from "./keys.js";
import { withExtras } from "./later.js";

/** Fields and lists use letters for themselves. */
const KEEPS_LETTERS = "input, textarea, select, [contenteditable], dialog, [role=listbox], [role=menu]";

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
  const show = () =>
    withExtras(({ shortcutRows }) => {
      list.replaceChildren(...shortcutRows());
      if (!dialog.open) dialog.showModal();
    });
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
