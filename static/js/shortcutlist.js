/** The list of all keys. */

import { make } from "./dom.js";
import { isApple } from "./keys.js";
import { t } from "./messages.js";

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

/** @returns {HTMLElement[]} For each entry, its keys and what they do. */
export function shortcutRows() {
  return SHORTCUTS.flatMap(([keys, text]) => [keysElement(keys), make("dd", "", t(text))]);
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
