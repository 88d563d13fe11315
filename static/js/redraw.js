/** Collects changes, so that the page redraws at most once a frame, and less often while much happens. */

/** A hidden page draws no frames, but its title counts unread messages. */
const HIDDEN_MS = 250;

/** The pause after a redraw. The first change after it shows with the next frame. */
const PAUSE_MS = 100;

/** Receipts of many readers come all the time, and nobody waits for them. */
const READS_MS = 500;

/** The changed parts of rooms. */
export class Redraw {
  #show;
  /** @type {Map<import("./client/room.js").Room, Set<import("./client/types.js").Part>>} */
  #changed = new Map();
  #isDue = false;
  #areReadsDue = false;
  #flushedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param {(changed: Map<import("./client/room.js").Room, Set<import("./client/types.js").Part>>) => void} show
   */
  constructor(show) {
    this.#show = show;
  }

  /**
   * Show a change with the next frame.
   *
   * @param {import("./client/room.js").Room} room
   * @param {import("./client/types.js").Part} part
   */
  add(room, part) {
    const parts = this.#changed.get(room);
    if (parts === undefined) this.#changed.set(room, new Set([part]));
    else parts.add(part);
    if (part === "reads") this.#showReadsSoon();
    else this.#showSoon();
  }

  #showReadsSoon() {
    if (this.#areReadsDue) return;
    this.#areReadsDue = true;
    setTimeout(() => {
      this.#areReadsDue = false;
      this.#showSoon();
    }, READS_MS);
  }

  #showSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    const restMs = this.#flushedAt + PAUSE_MS - performance.now();
    if (document.hidden) setTimeout(() => this.flush(), HIDDEN_MS);
    else if (restMs > 0) setTimeout(() => requestAnimationFrame(() => this.flush()), restMs);
    else requestAnimationFrame(() => this.flush());
  }

  /** Show all changes now. */
  flush() {
    this.#isDue = false;
    if (this.#changed.size === 0) return;
    const changed = this.#changed;
    this.#changed = new Map();
    this.#show(changed);
    this.#flushedAt = performance.now();
  }
}
