/** Collects changes, so that the page redraws at most once a frame, and less often while much happens. */

/** A hidden page draws no frames, but its title counts unread messages. */
const HIDDEN_MS = 250;

/** The pause after a redraw. The first change after it shows with the next frame. */
const PAUSE_MS = 100;

/** The pause before a redraw for receipts alone: in a busy room they come all the time. */
const READS_MS = 1_000;

/** The changed parts of rooms. */
export class Redraw {
  #show;
  /** @type {Map<import("./client/room.js").Room, Set<import("./client/types.js").Part>>} */
  #changed = new Map();
  #shownAt = Number.NEGATIVE_INFINITY;
  /** When the changes show; infinite without a change. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {(changed: Map<import("./client/room.js").Room, Set<import("./client/types.js").Part>>) => void} show
   */
  constructor(show) {
    this.#show = show;
  }

  /**
   * Show a change with the next frame, or after the pause.
   *
   * @param {import("./client/room.js").Room} room
   * @param {import("./client/types.js").Part} part
   */
  add(room, part) {
    const parts = this.#changed.get(room);
    if (parts === undefined) this.#changed.set(room, new Set([part]));
    else parts.add(part);
    this.#showAt(this.#shownAt + (part === "reads" ? READS_MS : PAUSE_MS));
  }

  /** @param {number} at */
  #showAt(at) {
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    clearTimeout(this.#timer);
    const restMs = at - performance.now();
    if (document.hidden) this.#timer = setTimeout(() => this.flush(), HIDDEN_MS);
    else if (restMs > 0) this.#timer = setTimeout(() => requestAnimationFrame(() => this.flush()), restMs);
    else requestAnimationFrame(() => this.flush());
  }

  /** Show all changes now. */
  flush() {
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#changed.size === 0) return;
    const changed = this.#changed;
    this.#changed = new Map();
    this.#show(changed);
    this.#shownAt = performance.now();
  }
}
