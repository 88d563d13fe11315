/** One session at a time, by construction. */

import { Session } from "./session.js";

/**
 * Holds at most one session. Starting another ends the one before, whose late events reach nobody, so
 * that no second session ever runs unseen.
 */
export class CurrentSession {
  /** @type {Session | null} */
  #session = null;

  /** The session; null before the first and after the end. */
  get session() {
    return this.#session;
  }

  /**
   * End the present session, if any, and start another. The unsent requests of the ended session stay
   * where `onUnsent` stored them.
   *
   * @param {string} url The chat's socket.
   * @param {import("./types.js").User} user
   * @param {import("./types.js").SessionListener} listener
   * @returns {Session} Not yet connected; the caller calls `join`.
   */
  start(url, user, listener) {
    this.end();
    /** @type {Session} */
    const session = new Session(url, user, only(listener, () => this.#session === session));
    this.#session = session;
    return session;
  }

  /** End the present session, if any. It reports nothing any more. */
  end() {
    const ended = this.#session;
    this.#session = null;
    ended?.end();
  }
}

/**
 * @param {import("./types.js").SessionListener} listener
 * @param {() => boolean} isCurrent
 * @returns {import("./types.js").SessionListener} Calls the listener only while that holds.
 */
function only(listener, isCurrent) {
  const guarded = Object.entries(listener).map(([name, call]) => [
    name,
    (/** @type {unknown[]} */ ...values) => {
      if (isCurrent()) Reflect.apply(call, listener, values);
    },
  ]);
  return Object.fromEntries(guarded);
}
