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
    const opener = document.activeElement;
    const closed = () => {
      dialog.removeEventListener("click", answer);
      giveFocusBack(opener, dialog);
      resolve(dialog.returnValue === "yes");
    };
    dialog.addEventListener("close", closed, { once: true });
    dialog.showModal();
  });
}

/**
 * The browser gives the focus back to the element that had it. If that takes none now, because its row
 * shows no buttons or is gone, the nearest one around it gets the focus.
 *
 * @param {Element | null} opener
 * @param {HTMLDialogElement} closed
 */
function giveFocusBack(opener, closed) {
  const hasNone = () => (document.activeElement ?? document.body) === document.body || closed.contains(document.activeElement);
  for (let at = opener; at !== null && hasNone(); at = at.parentElement) {
    if (at instanceof HTMLElement) at.focus({ preventScroll: true });
  }
  if (hasNone()) document.querySelector("textarea")?.focus();
}
