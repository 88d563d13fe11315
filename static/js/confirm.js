/** A question before something that cannot be undone. */

/**
 * @param {HTMLDialogElement} dialog With a button of class `yes`; any other closes it as Escape does.
 * @returns {Promise<boolean>} Whether it is to be done.
 */
export function confirmed(dialog) {
  return new Promise((resolve) => {
    const answer = (event) => {
      const button = event.target.closest("button");
      if (button !== null) dialog.close(button.classList.contains("yes") ? "yes" : "");
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
