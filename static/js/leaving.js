/** Asks before unsent text is lost: when the tab closes, and when the person leaves. */

import { confirmed } from "./confirm.js";
import { find } from "./dom.js";
import { t } from "./messages.js";

/** @param {BeforeUnloadEvent} event */
const ask = (event) => event.preventDefault();

/**
 * Let the browser ask before the tab closes, or no longer. A page that asks may be kept out of the
 * browser's cache of earlier pages, so it asks only while that is needed.
 *
 * @param {boolean} isUnsent
 */
export function warnOfUnsent(isUnsent) {
  if (isUnsent) globalThis.addEventListener("beforeunload", ask);
  else globalThis.removeEventListener("beforeunload", ask);
}

/**
 * @param {number} count The number of texts that leaving would discard.
 * @returns {Promise<boolean>} Whether to leave; at once if there is nothing to lose.
 */
export async function mayLeave(count) {
  if (count === 0) return true;
  find("#leave-question", HTMLElement).textContent = t("leave.question", { count });
  return confirmed(find("#leave-confirm", HTMLDialogElement));
}
