/** What close codes mean (docs/reference/wire.md, "Close codes"). The words for people are the page's. */

/** Stands for a close code if no socket opened because the server requires a token, or another one. */
export const TOKEN_REQUIRED = 401;

/** This side ends the session. The server takes the user out of the rooms at once. */
export const DONE = 1000;

/** The browser's code for a connection that ended without a close frame. */
export const ABNORMAL = 1006;

/** A server that restarts: it, or another in its place, is back in a moment. */
export const RESTART = 1012;

/** Our own code for an abandoned connection. 1000 would mean that the user leaves. */
export const ABANDONED = 3001;

/** The token has expired. Only the person can bring another. */
export const TOKEN_EXPIRED = 4010;

/** After these codes the server would only refuse again. */
export const FINAL = new Set([TOKEN_EXPIRED, 4500, 4501, 4503, 4504]);

const REASONS = /** @type {const} */ ({
  [TOKEN_REQUIRED]: "token-required",
  [DONE]: "done",
  1001: "going-away",
  [ABNORMAL]: "no-connection",
  1009: "too-large",
  1011: "internal",
  [RESTART]: "restart",
  1013: "busy",
  4002: "too-slow",
  4003: "no-answer",
  4005: "too-much",
  [TOKEN_EXPIRED]: "token-expired",
  4500: "unauthorized",
  4501: "bad-name",
  4504: "no-name",
  4505: "too-many",
});

/** @typedef {(typeof REASONS)[keyof typeof REASONS]} CloseReason */

/**
 * Name the meaning of a close code.
 *
 * @param {number} code The close code, or `TOKEN_REQUIRED`.
 * @returns {CloseReason | ""} Empty for an unknown code.
 */
export function closeReason(code) {
  return /** @type {Record<number, CloseReason>} */ (REASONS)[code] ?? "";
}
