/** Who is typing: telling the others about us, and saying it of the others. */

/** We say that we are typing at most this often; the server forgets it after 6 s. */
const REPEAT_AFTER_MS = 3_000;

/** So long without a key and we are no longer typing. */
const IDLE_AFTER_MS = 2_000;

/** Tells the server when this person begins and ends typing. */
export class OwnTyping {
  #tell;
  #toldAt = Number.NEGATIVE_INFINITY;
  #isTyping = false;
  /** @type {number | undefined} */
  #idleTimer;

  /** @param {(isTyping: boolean) => void} tell Sends it. */
  constructor(tell) {
    this.#tell = tell;
  }

  /** A key was pressed. */
  pressed() {
    const now = performance.now();
    if (!this.#isTyping || now - this.#toldAt >= REPEAT_AFTER_MS) {
      this.#isTyping = true;
      this.#toldAt = now;
      this.#tell(true);
    }
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.ended(), IDLE_AFTER_MS);
  }

  /** The text was sent or emptied, the field was left, or nothing came for a while. */
  ended() {
    if (this.#isTyping) this.#tell(false);
    this.forget();
  }

  /** The connection is gone, and with it what the server knew: there is nobody to tell. */
  forget() {
    clearTimeout(this.#idleTimer);
    this.#isTyping = false;
  }
}

/**
 * @param {string[]} names Of those who are typing.
 * @returns {string} Empty for nobody.
 */
export function typingLine(names) {
  if (names.length === 0) return "";
  return names.length === 1 ? `${names[0]} is typing…` : `${names.length} people are typing…`;
}
