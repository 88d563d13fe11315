/** How long to wait before the next attempt to connect. Pure: no clock and no randomness of its own. */

/** The wait after the first failure, in milliseconds. Most losses are a restart, so it is short. */
export const FIRST_DELAY_MS = 1_000;

/** The longest wait, in milliseconds. Nobody watches a dead page for minutes. */
export const LONGEST_DELAY_MS = 30_000;

/** All clients of a restarting server reconnect within this time, in milliseconds. */
export const RESTART_SPREAD_MS = 500;

/**
 * The wait before the next attempt. Each failure doubles it, up to a limit. The random part spreads
 * the clients of a server that comes back.
 *
 * @param {number} random Evenly spread in [0, 1), as from `Math.random()`.
 * @param {number} failures Failed attempts in a row; an integer, 0 or more.
 * @returns {number} Milliseconds, between half of the doubled delay and all of it.
 */
export function backoffDelayMs(random, failures) {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
  return Math.round((ceiling / 2) * (1 + random));
}

/**
 * The wait before the first attempt after a server announced its restart.
 *
 * @param {number} random Evenly spread in [0, 1).
 * @returns {number} Milliseconds, at most `RESTART_SPREAD_MS`.
 */
export function restartDelayMs(random) {
  return Math.round(RESTART_SPREAD_MS * random);
}
