/** What a session takes, and what it reports. This file holds types only. */

/**
 * @typedef {"messages" | "reads" | "people" | "typing"} Part A part of a room's view.
 *
 * @typedef {object} User
 * @property {string} name
 * @property {string} device A secret of this client, 128 random bits: it may edit its messages.
 * @property {string} [token] Proves the name; empty for none.
 * @property {string[]} rooms The rooms to join.
 * @property {import("./outbox.js").Request[]} [unsent] The requests to send again.
 * @property {{has: (id: string) => boolean, add: (id: string) => void}} [sent] The ids of the messages
 *   that this device has sent, from before a reload too.
 *
 * @typedef {object} ServerError
 * @property {string} code See docs/reference/wire.md, "Error codes".
 * @property {string} message The server's words.
 *
 * @typedef {object} Refusal
 * @property {number} code The close code, or 401 if the server requires a token, or another one.
 * @property {string} reason The server's words in the close frame; may be empty.
 * @property {ServerError | null} error The last error before the end, if there was one.
 *
 * @typedef {object} SessionListener
 * @property {(state: import("./connection.js").ConnectionState) => void} [onState] `open` means joined.
 * @property {(room: import("./room.js").Room, part: Part) => void} [onRoom] A part of a room changed.
 * @property {(name: string, dropped: import("./outbox.js").Request[]) => void} [onRoomLost] The user left
 *   a room, or cannot join it; with the unanswered requests that it takes along.
 * @property {(requests: import("./outbox.js").Request[]) => void} [onUnsent] Stores the requests.
 * @property {(error: ServerError) => void} [onError] The server rejected a request.
 * @property {(isExpiring: boolean) => void} [onTokenExpiring] The token expires soon; or no longer does.
 * @property {(refusal: Refusal) => void} [onRefused] The session has ended for good.
 */

export {};
