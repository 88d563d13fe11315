/** A list at the side. On a narrow screen it is a drawer over the page. */

import { find } from "./dom.js";

/** Opens and closes one drawer. On a wide screen both lists stay visible, and this has no effect. */
export class Drawer {
  #root;
  #name;
  #toggle;
  #close;

  /**
   * @param {HTMLElement} root Contains the drawer, its buttons and the shade.
   * @param {string} name Of the drawer; the ids of its buttons begin with it.
   */
  constructor(root, name) {
    this.#root = root;
    this.#name = name;
    this.#toggle = find(`#${name}-toggle`, HTMLButtonElement, root);
    this.#close = find(`#${name}-close`, HTMLButtonElement, root);
    this.#toggle.addEventListener("click", () => this.#show(!this.isOpen));
    this.#close.addEventListener("click", () => this.#show(false));
    find("#shade", HTMLElement, root).addEventListener("click", () => this.close());
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  get isOpen() {
    return this.#root.classList.contains(`${this.#name}-open`);
  }

  close() {
    if (this.isOpen) this.#show(false);
  }

  /** @param {boolean} isOpen */
  #show(isOpen) {
    this.#root.classList.toggle(`${this.#name}-open`, isOpen);
    this.#toggle.ariaExpanded = String(isOpen);
    (isOpen ? this.#close : this.#toggle).focus();
  }
}
