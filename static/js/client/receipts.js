/** Sends read markers: at most one batch a second, and never backwards. */

/** The server forwards read markers once a second at most, so sending more often is useless. */
const INTERVAL_MS = 1_000;

/** The read markers that are still unsent. */
export class Receipts {
  #send;
  /** @type {Map<string, number>} */
  #unsent = new Map();
  #sentAt = Number.NEGATIVE_INFINITY;
  /** @type {number | undefined} */
  #timer;

  /** @param {(room: string, seq: number) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Send a read marker, now or within a second.
   *
   * @param {string} room
   * @param {number} seq Everything up to it has been read; higher than in the call before.
   */
  add(room, seq) {
    this.#unsent.set(room, seq);
    if (this.#timer !== undefined) return;
    const waitMs = this.#sentAt + INTERVAL_MS - performance.now();
    if (waitMs <= 0) this.#flush();
    else this.#timer = setTimeout(() => this.#flush(), waitMs);
  }

  /** @param {string} room The server replaced its history, so its read marker means nothing. */
  drop(room) {
    this.#unsent.delete(room);
  }

  /** The connection is lost. */
  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unsent.clear();
  }

  #flush() {
    const unsent = [...this.#unsent];
    this.clear();
    this.#sentAt = performance.now();
    for (const [room, seq] of unsent) this.#send(room, seq);
  }
}
