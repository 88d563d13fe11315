/** Keeps a reader at the end of a list there, and leaves a reader elsewhere alone. */

import { t } from "./messages.js";

/** This near to the end counts as at the end, in CSS pixels: about two lines. */
const SLACK_PX = 48;

/** The bar with the number of unread messages covers this much at the top. */
const BAR_PX = 48;

/** A scrolling box that follows its newest line. */
export class FollowingScroll {
  #box;
  #button;
  #atEnd = true;
  /** The scroll position at the last check. */
  #top = 0;
  #unseen = 0;
  /** The first line in view, and its place: a change of the size must not lose it.
   *  @type {{line: HTMLElement, top: number} | null} */
  #place = null;

  /**
   * @param {HTMLElement} box The scrolling element.
   * @param {HTMLButtonElement | null} button Leads to the end; shown while that is below the view.
   * @param {() => void} onMoved The reader has scrolled.
   */
  constructor(box, button = null, onMoved = () => {}) {
    this.#box = box;
    this.#button = button;
    box.addEventListener("scroll", () => this.#check(onMoved), { passive: true });
    button?.addEventListener("click", () => this.toEnd());
    // A phone's keyboard, a rotation or a growing composer changes the size: stay in place.
    // The lines get their true heights only when the browser draws them.
    const sizes = new ResizeObserver(() => this.#resized());
    for (const part of [box, ...box.children]) sizes.observe(part);
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

  /**
   * Change the height of a line that the reader looks at. The end may move out of view.
   *
   * @param {Element} part Of the line. It stays in place.
   * @param {() => void} change
   */
  stay(part, change) {
    const before = part.getBoundingClientRect().top;
    change();
    this.#box.scrollTop += part.getBoundingClientRect().top - before;
    this.#check(() => {});
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
    this.#place = null;
    this.#unseen = 0;
    this.#showButton();
  }

  /**
   * Go to the end, but not past a line: it stays in view, at the top.
   *
   * @param {Element} line
   */
  toEndOrLine(line) {
    this.toEnd();
    const hidden = this.#box.getBoundingClientRect().top - line.getBoundingClientRect().top;
    if (hidden <= 0) return;
    this.#box.scrollTop -= hidden + BAR_PX;
    this.#check(() => {});
  }

  /** @returns {HTMLElement | undefined} The lowest line that is fully in view, or above the view. */
  lastInView() {
    const bottom = this.#box.getBoundingClientRect().bottom;
    const lines = this.#lines();
    return lines[firstWhere(lines, (line) => line.getBoundingClientRect().bottom > bottom + 1) - 1];
  }

  /** @param {HTMLElement} line @returns {boolean} Whether less than a screen is between it and the view. */
  isNear(line) {
    const [box, place] = [this.#box.getBoundingClientRect(), line.getBoundingClientRect()];
    return place.bottom > box.top - box.height && place.top < box.bottom + box.height;
  }

  #firstInView() {
    const top = this.#box.getBoundingClientRect().top;
    const lines = this.#lines();
    return lines[firstWhere(lines, (line) => line.getBoundingClientRect().bottom > top)];
  }

  /**
   * The lines of stored events. Others, such as headings, may go away.
   *
   * @returns {HTMLElement[]}
   */
  #lines() {
    return [...this.#box.querySelectorAll("[data-seq]")].filter((line) => line instanceof HTMLElement);
  }

  #resized() {
    if (this.#atEnd) this.toEnd();
    else if (this.#place?.line.isConnected) {
      this.#box.scrollTop += this.#place.line.getBoundingClientRect().top - this.#box.getBoundingClientRect().top - this.#place.top;
    }
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
    if (this.#atEnd) this.#unseen = 0;
    const line = this.#atEnd ? undefined : this.#firstInView();
    const boxTop = this.#box.getBoundingClientRect().top;
    this.#place = line === undefined ? null : { line, top: line.getBoundingClientRect().top - boxTop };
    this.#showButton();
    onMoved();
  }

  #showButton() {
    if (this.#button === null) return;
    this.#button.hidden = this.#atEnd;
    const text = this.#unseen > 0 ? t("log.unseen", { count: this.#unseen }) : t("log.latest");
    if (this.#button.textContent !== text) this.#button.textContent = text;
  }
}

/**
 * @template T
 * @param {readonly T[]} items Those that match come last.
 * @param {(item: T) => boolean} matches
 * @returns {number} The place of the first that matches; the length if none does.
 */
function firstWhere(items, matches) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (matches(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
