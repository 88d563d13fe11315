/** Keeps a reader at the end of a list there, and leaves a reader elsewhere alone. */

/** This near to the end counts as at the end, in CSS pixels: about two lines. */
const SLACK_PX = 48;

/** A scrolling box that follows its newest line. */
export class FollowingScroll {
  #box;
  #button;
  #atEnd = true;
  /** The scroll position at the last check. */
  #top = 0;
  #unseen = 0;

  /**
   * @param {HTMLElement} box The scrolling element.
   * @param {HTMLButtonElement | null} button Leads to the end; shown while new lines are below.
   * @param {() => void} onMoved The reader has scrolled.
   */
  constructor(box, button = null, onMoved = () => {}) {
    this.#box = box;
    this.#button = button;
    box.addEventListener("scroll", () => this.#check(onMoved), { passive: true });
    button?.addEventListener("click", () => this.toEnd());
    // A phone's keyboard or a growing composer takes height away: stay at the end.
    new ResizeObserver(() => this.follow()).observe(box);
  }

  get isAtEnd() {
    return this.#atEnd;
  }

  /** Whether the reader has less than a screen left above. */
  get isNearTop() {
    return this.#box.scrollTop < this.#box.clientHeight;
  }

  /** The height changed: stay at the end if the reader is there. */
  follow() {
    this.#catchUp();
    if (this.#atEnd) this.toEnd();
  }

  /**
   * Change the content, and keep the lines in view where they are, to the pixel.
   *
   * @param {() => void} change
   */
  hold(change) {
    this.#catchUp();
    const held = this.#atEnd ? undefined : this.#firstInView();
    const before = held?.getBoundingClientRect().top ?? 0;
    change();
    if (held?.isConnected) this.#box.scrollTop += held.getBoundingClientRect().top - before;
    this.follow();
  }

  /** @param {number} count The number of lines added below: follow them, or count them on the button. */
  added(count = 1) {
    this.#catchUp();
    if (this.#atEnd) {
      this.toEnd();
      return;
    }
    this.#unseen += count;
    this.#showButton();
  }

  /** Go to the end, and follow from now on. */
  toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#atEnd = true;
    this.#top = this.#box.scrollTop;
    this.#unseen = 0;
    this.#showButton();
  }

  /** @returns {HTMLElement | undefined} The lowest line that is fully in view, or above the view. */
  lastInView() {
    const bottom = this.#box.getBoundingClientRect().bottom;
    return this.#lines().findLast((line) => line.getBoundingClientRect().bottom <= bottom + 1);
  }

  #firstInView() {
    const top = this.#box.getBoundingClientRect().top;
    return this.#lines().find((line) => line.getBoundingClientRect().bottom > top);
  }

  /**
   * The lines of stored events. Others, such as headings, may go away.
   *
   * @returns {HTMLElement[]}
   */
  #lines() {
    return [...this.#box.querySelectorAll("[data-seq]")].filter((line) => line instanceof HTMLElement);
  }

  /** The scroll event comes one frame late, so check whether the reader is already on the way up. */
  #catchUp() {
    if (this.#atEnd && this.#box.scrollTop < this.#top) this.#check(() => {});
  }

  /** @param {() => void} onMoved */
  #check(onMoved) {
    this.#top = this.#box.scrollTop;
    const below = this.#box.scrollHeight - this.#top - this.#box.clientHeight;
    this.#atEnd = below <= SLACK_PX;
    if (this.#atEnd && this.#unseen > 0) {
      this.#unseen = 0;
      this.#showButton();
    }
    onMoved();
  }

  #showButton() {
    if (this.#button === null) return;
    this.#button.hidden = this.#unseen === 0;
    this.#button.textContent = this.#unseen === 1 ? "1 new message" : `${this.#unseen} new messages`;
  }
}
