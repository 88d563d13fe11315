/** Keeps a log at its end for a reader who is there, and leaves a reader alone who is not. */

/** So near to the end still counts as there, in CSS pixels: about two lines. */
const SLACK_PX = 48;

/** A scrolling box that follows its newest line. */
export class FollowingScroll {
  #box;
  #button;
  #atEnd = true;
  /** Where the box was when last looked at. */
  #top = 0;
  #unseen = 0;

  /**
   * @param {HTMLElement} box What scrolls.
   * @param {HTMLButtonElement | null} button Leads to the end; shown when something new is below.
   * @param {() => void} onMoved The reader has scrolled.
   */
  constructor(box, button = null, onMoved = () => {}) {
    this.#box = box;
    this.#button = button;
    box.addEventListener("scroll", () => this.#look(onMoved), { passive: true });
    button?.addEventListener("click", () => this.toEnd());
    // A phone's keyboard or a growing composer takes height away: stay at the end.
    new ResizeObserver(() => this.follow()).observe(box);
  }

  get isAtEnd() {
    return this.#atEnd;
  }

  /** Whether the reader will soon have seen all that there is above. */
  get isNearTop() {
    return this.#box.scrollTop < this.#box.clientHeight;
  }

  /** The height changed: stay at the end if the reader is there. */
  follow() {
    this.#catchUp();
    if (this.#atEnd) this.toEnd();
  }

  /**
   * Change what is in the box while what the reader sees stays where it is, to the pixel.
   *
   * @param {() => void} change
   */
  hold(change) {
    this.#catchUp();
    const held = this.#atEnd ? undefined : this.#firstInSight();
    const before = held?.getBoundingClientRect().top;
    change();
    if (held?.isConnected) this.#box.scrollTop += held.getBoundingClientRect().top - before;
    this.follow();
  }

  /** @param {number} count So many were added below: follow them, or count them for the button. */
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

  /** @returns {Element | undefined} The lowest line that is wholly in sight, or above it. */
  lastInSight() {
    const bottom = this.#box.getBoundingClientRect().bottom;
    const lines = this.#lines();
    return lines.findLast((line) => line.getBoundingClientRect().bottom <= bottom + 1);
  }

  #firstInSight() {
    const top = this.#box.getBoundingClientRect().top;
    return this.#lines().find((line) => line.getBoundingClientRect().bottom > top);
  }

  /** What has a place in the log; the rest, as a heading, may go away. */
  #lines() {
    return [...this.#box.querySelectorAll("[data-seq]")];
  }

  /** A reader may be on the way up already: the event that tells comes with the next frame only. */
  #catchUp() {
    if (this.#atEnd && this.#box.scrollTop < this.#top) this.#look(() => {});
  }

  #look(onMoved) {
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
