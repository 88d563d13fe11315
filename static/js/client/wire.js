/** The JSON messages of version 2 of the wire (docs/reference/wire.md). */

/** The longest chat message, in code points. */
export const MESSAGE_CHARS = 4096;

/** The room of a person who names none. */
export const DEFAULT_ROOM = "general";

/** The most rooms of one connection. */
export const MAX_ROOMS = 50;

/** With more members than this a room is large, and the server sends less (docs/reference/wire.md, promise 8). */
export const LARGE_ROOM = 200;

const ROOM = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/**
 * An event of a room's history.
 *
 * @typedef {object} ChatEvent
 * @property {"message" | "system" | "edited" | "deleted"} type
 * @property {string} id Unique in all rooms.
 * @property {number} seq Its position in the room.
 * @property {string} room
 * @property {string} message
 * @property {string} [username]
 * @property {string} [kind] Of a system event: `joined`, `left`, or one of a newer server.
 * @property {string} [target] Of an edit or a delete: the id of the message.
 * @property {string} time `HH:MM:SS` on the server.
 * @property {number} ts Milliseconds since 1970, UTC.
 * @property {boolean} [edited]
 * @property {boolean} [deleted]
 */

/**
 * The server's answer to a join.
 *
 * @typedef {object} Joined
 * @property {string} room
 * @property {string} epoch Names the history of the room.
 * @property {number} head The `seq` of the newest event.
 * @property {number} read Where this person has read to.
 * @property {number} count The number of members.
 * @property {string[]} users Their names, or the first of them.
 * @property {Record<string, number>} reads Where other people have read to.
 * @property {ChatEvent[]} history
 * @property {boolean} [recovered] `history` continues where the client left off.
 * @property {boolean} [more] The room has older events.
 * @property {string} [ref]
 */

/** @typedef {(message: Record<string, any>) => boolean} Check */

/** @param {unknown} value */
const isText = (value) => typeof value === "string";
/** @param {unknown} value */
const isNumber = (value) => Number.isInteger(value);
/** @param {unknown} value */
const areTexts = (value) => Array.isArray(value) && value.every(isText);
/** @param {unknown} value */
const isObject = (value) => typeof value === "object" && value !== null;

/** @type {Check} */
const isEvent = ({ id, seq, room, message }) => isText(id) && isNumber(seq) && isText(room) && isText(message);
/** @type {Check} */
const isUserEvent = (event) => isEvent(event) && isText(event.username);
/** @type {Check} */
const isSystemEvent = (event) => isUserEvent(event) || (isEvent(event) && event.username === undefined);
/** @type {Check} */
const isChange = (event) => isUserEvent(event) && isText(event.target);

/** The types of events, each with the check of the fields that the page needs. @type {Map<string, Check>} */
const EVENTS = new Map([
  ["message", isUserEvent],
  ["system", isSystemEvent],
  ["edited", isChange],
  ["deleted", isChange],
]);

/** All types of messages, in the same way. Unknown keys are ignored. @type {Map<string, Check>} */
const MESSAGES = new Map([
  ...EVENTS,
  ["welcome", ({ username }) => isText(username)],
  [
    "joined",
    ({ room, epoch, head, read, count, users, reads, history }) =>
      [room, epoch].every(isText) &&
      [head, read, count].every(isNumber) &&
      areTexts(users) &&
      isObject(reads) &&
      Array.isArray(history),
  ],
  ["typing", ({ room, username, isTyping }) => [room, username].every(isText) && typeof isTyping === "boolean"],
  ["presence", ({ room, online, offline }) => isText(room) && areTexts(online) && areTexts(offline)],
  ["read", ({ room, username, seq }) => [room, username].every(isText) && isNumber(seq)],
  ["history", ({ room, history }) => isText(room) && Array.isArray(history)],
  ["ack", ({ ref }) => isText(ref)],
  ["error", ({ code, message }) => isText(code) && isText(message)],
  ["heartbeat", ({ heads }) => heads === undefined || isObject(heads)],
  ["auth", ({ expiresInMs }) => isNumber(expiresInMs)],
  ["reconnect", ({ afterMs }) => isNumber(afterMs)],
]);

/**
 * Decode and check one message.
 *
 * @param {string} text
 * @returns {Record<string, any> | null} Null, with a warning on the console, for invalid or unknown
 *   messages: a newer server must not break the page.
 */
export function decode(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    console.warn("a message that is not JSON was ignored");
    return null;
  }
  const isValid = MESSAGES.get(message?.type);
  if (!isValid?.(message)) {
    console.warn("a message of unknown type or shape was ignored:", message?.type);
    return null;
  }
  if ("history" in message) message.history = message.history.filter(isHistoryEvent);
  return message;
}

/**
 * @param {any} value
 * @returns {boolean} Whether this is a valid event of a room's history.
 */
export function isHistoryEvent(value) {
  return EVENTS.get(value?.type)?.(value) ?? false;
}

/**
 * Convert what a person typed to the name of a room.
 *
 * @param {string} text Such as ` #Dev `.
 * @returns {string} Such as `dev`; empty for an invalid name.
 */
export function roomName(text) {
  const name = text.trim().replace(/^#/, "").toLowerCase();
  return ROOM.test(name) ? name : "";
}

/** Letters with a spelling of their own in the names of rooms. */
const SPELLINGS = new Map([["ä", "ae"], ["ö", "oe"], ["ü", "ue"], ["ß", "ss"], ["æ", "ae"], ["ø", "o"]]);

/**
 * Make the name of a room from what a person typed, whatever it is.
 *
 * @param {string} text Such as `My Room!`.
 * @returns {string} Such as `my-room`; empty if no letter and no digit can stay.
 */
export function validRoomName(text) {
  if (roomName(text) !== "") return roomName(text);
  const spelled = Array.from(text.normalize("NFC").toLowerCase(), (letter) => SPELLINGS.get(letter) ?? letter);
  const plain = spelled.join("").normalize("NFKD").replace(/\p{M}/gu, "");
  return plain.replace(/[^a-z0-9._]+/g, "-").replace(/^[._-]+/, "").slice(0, 64).replace(/[._-]+$/, "");
}

/**
 * Say why a client cannot send a user name. The server checks everything else.
 *
 * @param {string} name
 * @returns {"" | "empty" | "brace"} Empty if it can.
 */
export function unsendableName(name) {
  if (name.trim() === "") return "empty";
  return name.trimStart().startsWith("{") ? "brace" : "";
}
