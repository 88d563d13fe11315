/** Tells the server up to where this person has read, seldom and never backwards. */

/** The server tells the others once a second at most, so more would be for nothing. */
const EVERY_MS = 1_000;

/** What is to be told of each room. */
export class Receipts {
  #tell;
  /** @type {Map<string, number>} */
  #due = new Map();
  #toldAt = Number.NEGATIVE_INFINITY;
  /** @type {number | undefined} */
  #timer;

  /** @param {(room: string, seq: number) => void} tell Sends it. */
  constructor(tell) {
    this.#tell = tell;
  }

  /**
   * @param {string} room
   * @param {number} seq All up to this one has been read; more than at the last call.
   */
  add(room, seq) {
    this.#due.set(room, seq);
    if (this.#timer !== undefined) return;
    const waitMs = this.#toldAt + EVERY_MS - performance.now();
    if (waitMs <= 0) this.#flush();
    else this.#timer = setTimeout(() => this.#flush(), waitMs);
  }

  /** @param {string} room Its history was replaced, so its read marks no longer count. */
  drop(room) {
    this.#due.delete(room);
  }

  /** There is nobody to tell any more. */
  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due.clear();
  }

  #flush() {
    const due = [...this.#due];
    this.clear();
    this.#toldAt = performance.now();
    for (const [room, seq] of due) this.#tell(room, seq);
  }
}
