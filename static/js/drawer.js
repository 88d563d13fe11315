/** A list at the side, which on a narrow screen is a drawer over the page. */

/** Opens and closes one of them. Without effect on a wide screen, where both always show. */
export class Drawer {
  #root;
  #name;

  /**
   * @param {HTMLElement} root Holds it, its buttons and the shade.
   * @param {string} name Of the drawer; the ids of its buttons begin with it.
   */
  constructor(root, name) {
    this.#root = root;
    this.#name = name;
    this.#find(`#${name}-toggle`).addEventListener("click", () => this.#open(!this.isOpen));
    this.#find(`#${name}-close`).addEventListener("click", () => this.#open(false));
    this.#find("#shade").addEventListener("click", () => this.close());
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  get isOpen() {
    return this.#root.classList.contains(`${this.#name}-open`);
  }

  close() {
    if (this.isOpen) this.#open(false);
  }

  #open(isOpen) {
    this.#root.classList.toggle(`${this.#name}-open`, isOpen);
    const toggle = this.#find(`#${this.#name}-toggle`);
    toggle.ariaExpanded = String(isOpen);
    (isOpen ? this.#find(`#${this.#name}-close`) : toggle).focus();
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }
}
