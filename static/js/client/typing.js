/** Typing notifications of this person: when to send them. */

/** The interval between two notifications while a person types. The server forgets one after 6 s. */
const REPEAT_AFTER_MS = 3_000;

/** A pause this long ends the typing. */
const IDLE_AFTER_MS = 2_000;

/** Reports to the server when this person starts and stops typing. */
export class OwnTyping {
  #send;
  #sentAt = Number.NEGATIVE_INFINITY;
  #isTyping = false;
  /** @type {number | undefined} */
  #idleTimer;

  /** @param {(isTyping: boolean) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** The person pressed a key. */
  pressed() {
    const now = performance.now();
    if (!this.#isTyping || now - this.#sentAt >= REPEAT_AFTER_MS) {
      this.#isTyping = true;
      this.#sentAt = now;
      this.#send(true);
    }
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.ended(), IDLE_AFTER_MS);
  }

  /** The person sent or deleted the text, left the field, or paused. */
  ended() {
    if (this.#isTyping) this.#send(false);
    this.forget();
  }

  /** The connection is lost, so the server knows nothing of our typing. */
  forget() {
    clearTimeout(this.#idleTimer);
    this.#isTyping = false;
  }
}
