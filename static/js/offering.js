/** Completion of a text field, which `later.js` loads once the person types the first `@` or `:`. */

import { withExtras } from "./later.js";

/** As `Completion`, which it makes when it is needed. */
export class Offering {
  /** @type {import("./completion.js").Completion | null} */
  #completion = null;

  /**
   * @param {HTMLTextAreaElement} field
   * @param {HTMLElement} list An empty list box.
   * @param {HTMLElement} status Announces the number of offers.
   * @param {() => Iterable<string>} names Of people, the likeliest first.
   * @param {AbortSignal} [signal] The field has left the page.
   */
  constructor(field, list, status, names, signal) {
    field.addEventListener("input", (event) => {
      if (this.#completion !== null || !/[@:]/.test(field.value)) return;
      withExtras(({ Completion }) => {
        if (this.#completion !== null || signal?.aborted) return;
        this.#completion = new Completion(field, list, status, names, signal);
        if (document.activeElement === field) this.#completion.typed(event);
      });
    });
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} Whether the list has used the key.
   */
  pressed(event) {
    return this.#completion?.pressed(event) ?? false;
  }

  close() {
    this.#completion?.close();
  }
}
