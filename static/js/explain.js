/** Explains the codes of the client package to the person at the page. */

import { closeReason } from "./client/closecodes.js";
import { hasText, t } from "./messages.js";

/**
 * Explain why a connection ended.
 *
 * @param {number} code The close code, or 401 if the server refused the handshake without a token.
 * @param {string} reason The server's own words, for unknown codes; may be empty.
 * @returns {string} A sentence without its full stop.
 */
export function explainClose(code, reason) {
  const meaning = closeReason(code);
  return meaning === "" ? reason || t("close.unknown", { code: String(code) }) : t(`close.${meaning}`);
}

/**
 * Explain an error of the server.
 *
 * @param {import("./client/types.js").ServerError} error
 * @returns {string}
 */
export function explainError({ code, message }) {
  const key = `error.${code}`;
  return hasText(key) ? t(key, { message }) : message;
}
