/** How long to wait before the next try to connect. Pure: no clock, no randomness of its own. */

/** The wait before the first new try, in milliseconds: short, as most losses are a restart. */
export const FIRST_DELAY_MS = 1_000;

/** No wait is longer than this, in milliseconds: nobody looks at a dead page for minutes. */
export const LONGEST_DELAY_MS = 30_000;

/** All who were on a server that restarts come back within this time, in milliseconds. */
export const RESTART_SPREAD_MS = 500;

/**
 * The delay before a new try: doubled with each failure, capped, and spread over its upper half, so
 * that a server that comes back is not met by all its clients in the same instant.
 *
 * @param {number} random Evenly spread in [0, 1), as `Math.random()` gives it.
 * @param {number} failures How many tries in a row have failed so far; a whole number, 0 or more.
 * @returns {number} Milliseconds, between half of the doubled delay and the whole of it.
 */
export function backoffDelayMs(random, failures) {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
  return Math.round((ceiling / 2) * (1 + random));
}

/**
 * The delay before the first try after a server has said that it restarts: next to none, but not
 * the same one for all.
 *
 * @param {number} random Evenly spread in [0, 1).
 * @returns {number} Milliseconds.
 */
export function restartDelayMs(random) {
  return Math.round(RESTART_SPREAD_MS * random);
}
