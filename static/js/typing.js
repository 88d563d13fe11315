/** Describes the people who type. */

import { t } from "./messages.js";
import { harmless } from "./richtext.js";

/**
 * Describe who is typing.
 *
 * @param {string[]} names
 * @returns {string} Empty for nobody.
 */
export function typingLine(names) {
  const [name, other] = names.map((one) => `\u2068${harmless(one)}\u2069`); // isolated from the words around
  if (names.length === 0) return "";
  if (names.length === 1) return t("log.typing-one", { name });
  return names.length === 2 ? t("log.typing-two", { name, other }) : t("log.typing-many", { count: names.length });
}
