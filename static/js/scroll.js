/** Keeps a log at its end for a reader who is there, and leaves a reader alone who is not. */

/** So near to the end still counts as there, in CSS pixels: about two lines. */
const SLACK_PX = 48;

/** A scrolling box that follows its newest line. */
export class FollowingScroll {
  #box;
  #button;
  #atEnd = true;
  #unseen = 0;

  /**
   * @param {HTMLElement} box What scrolls.
   * @param {HTMLButtonElement | null} button Leads to the end; shown when something new is below.
   */
  constructor(box, button = null) {
    this.#box = box;
    this.#button = button;
    box.addEventListener("scroll", () => this.#look(), { passive: true });
    button?.addEventListener("click", () => this.toEnd());
    // A phone's keyboard or a growing composer takes height away: stay at the end.
    new ResizeObserver(() => this.follow()).observe(box);
  }

  /** The height changed: stay at the end if the reader is there. */
  follow() {
    if (this.#atEnd) this.toEnd();
  }

  /** Something was added: follow it, or count it for the button. */
  added() {
    if (this.#atEnd) {
      this.toEnd();
      return;
    }
    this.#unseen += 1;
    this.#showButton();
  }

  /** Go to the end, and follow from now on. */
  toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#atEnd = true;
    this.#unseen = 0;
    this.#showButton();
  }

  #look() {
    const below = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight;
    this.#atEnd = below <= SLACK_PX;
    if (this.#atEnd && this.#unseen > 0) {
      this.#unseen = 0;
      this.#showButton();
    }
  }

  #showButton() {
    if (this.#button === null) return;
    this.#button.hidden = this.#unseen === 0;
    this.#button.textContent = this.#unseen === 1 ? "1 new message" : `${this.#unseen} new messages`;
  }
}
