/** Explains close codes to the person at the page (docs/reference/wire.md, "Close codes"). */

const EXPLANATIONS = new Map([
  [401, "This chat requires a login. Open the link you received"],
  [1000, "The server closed the connection"],
  [1001, "The server is shutting down"],
  [1006, "No connection to the server"],
  [1009, "A message was too large for the server"],
  [1011, "The server had an internal error"],
  [1012, "The server is restarting"],
  [1013, "The server is busy"],
  [4002, "This window was too slow"],
  [4003, "This window stopped responding"],
  [4005, "This window sent too much too fast"],
  [4010, "Your login has expired. Ask for a new link"],
  [4500, "The server refused your login"],
  [4501, "The server does not accept this name"],
  [4504, "The server received no name in time"],
  [4505, "Too many windows are open under this name"],
]);

/**
 * Explain why a connection ended.
 *
 * @param {number} code The close code, or 401 if the server refused the handshake without a token.
 * @param {string} reason The server's own words, for unknown codes; may be empty.
 * @returns {string} A sentence without its full stop.
 */
export function explainClose(code, reason) {
  return EXPLANATIONS.get(code) ?? (reason || `The connection was closed (code ${code})`);
}
