/** Asks before an action that cannot be undone. */

import { find } from "./dom.js";

/**
 * Show a dialog and wait for the answer.
 *
 * @param {HTMLDialogElement} dialog Its button of class `yes` confirms. Any other button, and Escape,
 *   cancels.
 * @returns {Promise<boolean>} Whether the person confirmed.
 */
export function confirmed(dialog) {
  return new Promise((resolve) => {
    const yes = find("button.yes", HTMLButtonElement, dialog);
    /** @param {MouseEvent} event */
    const answer = ({ target }) => {
      const button = target instanceof Element ? target.closest("button") : null;
      if (button !== null) dialog.close(button === yes ? "yes" : "");
    };
    dialog.returnValue = "";
    dialog.addEventListener("click", answer);
    const closed = () => {
      dialog.removeEventListener("click", answer);
      resolve(dialog.returnValue === "yes");
    };
    dialog.addEventListener("close", closed, { once: true });
    dialog.showModal();
  });
}
