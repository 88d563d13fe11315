/**
 * The chat as a package for any page and for Node.js: the connection, the session, the rooms, the outbox.
 *
 * It has no page of its own, and gives codes in place of words. `docs/how-to/own-page.md` shows a whole page
 * in 20 lines. What this file exports is the public part. It is stable, and the rest may change.
 *
 * - `Session`: one user's session. It joins, resumes, sends, and repeats until the server answers.
 * - `CurrentSession`: holds one session at a time, for a page on which users join and leave.
 * - `Room`, `Timeline`: what a session knows of a room: its entries, its members, the unread messages.
 * - `Connection`: a WebSocket that reconnects, for another protocol than the chat's.
 * - `OwnTyping`: decides when to send that the user types.
 * - `socketUrl`, `fetchAuthMode`: the address of a server's chat, and whether it requires a token.
 * - `newRef`: a secret for `User.device`. Store it, so that the user can edit own messages after a reload.
 * - `nameKey`, `unsendableName`, `roomName`, `validRoomName`: names of users and rooms.
 * - `closeReason`, `TOKEN_EXPIRED`, `TOKEN_REQUIRED`: what the code of a `Refusal` means.
 */

/** @typedef {import("./types.js").User} User */
/** @typedef {import("./types.js").SessionListener} SessionListener */
/** @typedef {import("./types.js").ServerError} ServerError */
/** @typedef {import("./types.js").Refusal} Refusal */
/** @typedef {import("./types.js").Part} Part */
/** @typedef {import("./connection.js").ConnectionState} ConnectionState */
/** @typedef {import("./outbox.js").Request} Request */
/** @typedef {import("./timeline.js").Entry} Entry */

export { fetchAuthMode } from "./auth.js";
export { closeReason, TOKEN_EXPIRED, TOKEN_REQUIRED } from "./closecodes.js";
export { Connection, socketUrl } from "./connection.js";
export { CurrentSession } from "./current.js";
export { nameKey } from "./names.js";
export { newRef } from "./outbox.js";
export { Room } from "./room.js";
export { Session } from "./session.js";
export { Timeline } from "./timeline.js";
export { OwnTyping } from "./typing.js";
export { DEFAULT_ROOM, MAX_ROOMS, MESSAGE_CHARS, roomName, unsendableName, validRoomName } from "./wire.js";
