/** What a close code means, in words for the person at the page (docs/reference/wire.md, "Close codes"). */

const MEANING = new Map([
  [401, "This chat asks for a login, and yours is missing or has ended: open the link you were given"],
  [1000, "The server has closed the connection"],
  [1001, "The server is going away"],
  [1006, "No connection to the server"],
  [1009, "That was too big for the server"],
  [1011, "Something went wrong in the server"],
  [1012, "The server restarts"],
  [1013, "The server is short of something and asks to try again"],
  [4002, "This window could not keep up"],
  [4003, "The server has heard nothing from this window"],
  [4005, "Too much was sent too fast"],
  [4010, "Your login has ended: ask for a new link"],
  [4500, "The server does not let you in"],
  [4501, "The server does not take this name"],
  [4504, "No name was given in time"],
  [4505, "There are too many windows open with this name"],
]);

/**
 * Why a connection has ended.
 *
 * @param {number} code The close code, or 401 for a handshake refused for want of a token.
 * @param {string} reason The server's words, may be empty; used for codes not known here.
 * @returns {string} A clause without a full stop.
 */
export function explainClose(code, reason) {
  return MEANING.get(code) ?? (reason || `The connection has ended (code ${code})`);
}
