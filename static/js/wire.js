/** The frames of version 2, to and from text (docs/reference/wire.md). */

/** The longest message, in characters (code points). */
export const MESSAGE_CHARS = 4096;

/** Where one is who asks for no other room. */
export const DEFAULT_ROOM = "general";

/** A connection is in so many rooms at most. */
export const MOST_ROOMS = 50;

/** In rooms of more people than this the server tells less (docs/reference/wire.md, promise 8). */
export const CROWD = 200;

const ROOM = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const isText = (value) => typeof value === "string";
const isNumber = (value) => Number.isInteger(value);
const areTexts = (value) => Array.isArray(value) && value.every(isText);
const isObject = (value) => typeof value === "object" && value !== null;

const isEvent = (frame) =>
  isText(frame.id) && isNumber(frame.seq) && isText(frame.room) && isText(frame.message);
const isMessage = (frame) => isEvent(frame) && isText(frame.username);
const isNotice = (frame) => isMessage(frame) || (isEvent(frame) && frame.username === undefined);
const isChange = (frame) => isMessage(frame) && isText(frame.target);

/** The events of the log: for each, whether it has what we need of it. */
const EVENTS = new Map([
  ["message", isMessage],
  ["system", isNotice],
  ["edited", isChange],
  ["deleted", isChange],
]);

/** All frames, in the same way. Unknown keys are ignored. */
const SHAPES = new Map([
  ...EVENTS,
  ["welcome", (frame) => isText(frame.username)],
  [
    "joined",
    (frame) =>
      [frame.room, frame.epoch].every(isText) &&
      [frame.head, frame.read, frame.count].every(isNumber) &&
      areTexts(frame.users) &&
      isObject(frame.reads) &&
      Array.isArray(frame.history),
  ],
  ["typing", (frame) => [frame.room, frame.username].every(isText) && typeof frame.isTyping === "boolean"],
  ["presence", (frame) => isText(frame.room) && areTexts(frame.online) && areTexts(frame.offline)],
  ["read", (frame) => [frame.room, frame.username].every(isText) && isNumber(frame.seq)],
  ["history", (frame) => isText(frame.room) && Array.isArray(frame.history)],
  ["ack", (frame) => isText(frame.ref)],
  ["error", (frame) => isText(frame.code) && isText(frame.message)],
  ["heartbeat", (frame) => frame.heads === undefined || isObject(frame.heads)],
  ["auth", (frame) => isNumber(frame.expiresInMs)],
  ["reconnect", (frame) => isNumber(frame.afterMs)],
]);

/**
 * Read one frame.
 *
 * @param {string} text
 * @returns {Record<string, any> | null} The frame, its shape checked; null, with a warning on the
 *   console, for anything else: a server that is newer than this page must not break it.
 */
export function decode(text) {
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    console.warn("a frame that is not JSON was ignored");
    return null;
  }
  const hasShape = SHAPES.get(frame?.type);
  if (!hasShape?.(frame)) {
    console.warn("a frame of unknown type or shape was ignored:", frame?.type);
    return null;
  }
  if ("history" in frame) frame.history = frame.history.filter(isLoggedEvent);
  return frame;
}

/**
 * @param {unknown} frame
 * @returns {boolean} Whether this is an event of a room's log, and whole.
 */
export function isLoggedEvent(frame) {
  return EVENTS.get(frame?.type)?.(frame) ?? false;
}

/**
 * What somebody means who types the name of a room.
 *
 * @param {string} text Such as ` #Dev `.
 * @returns {string} Such as `dev`; empty where it names no room that there could be.
 */
export function roomName(text) {
  const name = text.trim().replace(/^#/, "").toLowerCase();
  return ROOM.test(name) ? name : "";
}

/**
 * Why a name cannot even be sent. Everything else about names is for the server to judge.
 *
 * @param {string} name
 * @returns {string} Empty where it can.
 */
export function unsendableName(name) {
  if (name.trim() === "") return "A name is needed.";
  if (name.trimStart().startsWith("{")) return "A name cannot begin with “{”.";
  return "";
}
