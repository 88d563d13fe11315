/** The number of unread messages in the tab's title, while nobody looks at it. */

/** Counts what comes while the page is hidden. */
export class UnreadTitle {
  #title;
  #count = 0;

  /** @param {string} title The title without a number. */
  constructor(title) {
    this.#title = title;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#show(0);
    });
  }

  /** A message came. */
  added() {
    if (document.hidden) this.#show(this.#count + 1);
  }

  #show(count) {
    this.#count = count;
    document.title = count === 0 ? this.#title : `(${count}) ${this.#title}`;
  }
}
