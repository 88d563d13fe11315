/** A list at the side. On a narrow screen it is a drawer over the page. */

import { find } from "./dom.js";

/** Opens and closes one drawer. On a wide screen both lists stay visible, and this has no effect. */
export class Drawer {
  #root;
  #name;
  #toggle;
  #close;
  #listener;

  /**
   * @param {HTMLElement} root Contains the drawer, its buttons and the shade.
   * @param {string} name Of the drawer; the ids of its buttons begin with it.
   * @param {object} listener Lets the browser's Back close the drawer.
   * @param {() => void} listener.onOpened
   * @param {() => void} listener.onClosed The person closed it here.
   */
  constructor(root, name, listener) {
    this.#root = root;
    this.#name = name;
    this.#listener = listener;
    this.#toggle = find(`#${name}-toggle`, HTMLButtonElement, root);
    this.#close = find(`#${name}-close`, HTMLButtonElement, root);
    this.#toggle.addEventListener("click", () => (this.isOpen ? this.#dismiss() : this.#open()));
    this.#close.addEventListener("click", () => this.#dismiss());
    find("#shade", HTMLElement, root).addEventListener("click", () => this.#dismiss());
    root.addEventListener("keydown", (event) => {
      // A menu or a dialog over the drawer takes the key first.
      if (event.key === "Escape" && document.querySelector(":popover-open, dialog[open]") === null) this.#dismiss();
    });
  }

  get isOpen() {
    return this.#root.classList.contains(`${this.#name}-open`);
  }

  /** Close it, for a change of the page that has its own entry in the browser's history. */
  close() {
    if (this.isOpen) this.#show(false);
  }

  #open() {
    this.#show(true);
    this.#listener.onOpened();
  }

  #dismiss() {
    if (!this.isOpen) return;
    this.#show(false);
    this.#listener.onClosed();
  }

  /** @param {boolean} isOpen */
  #show(isOpen) {
    this.#root.classList.toggle(`${this.#name}-open`, isOpen);
    this.#toggle.ariaExpanded = String(isOpen);
    (isOpen ? this.#close : this.#toggle).focus();
  }
}
