/** The frames of a plain connection, to and from text (PROTOCOL.md sections 3 and 4). */

/** The longest message, in characters (code points). */
export const MESSAGE_CHARS = 4096;

const isText = (value) => typeof value === "string";
const isEvent = (value) => isText(value?.id) && Number.isInteger(value.seq) && isText(value.message);
const isMessage = (frame) => isEvent(frame) && isText(frame.username);

/** For each type of frame, whether it has what we need of it. Unknown keys are ignored. */
const SHAPES = new Map([
  ["message", isMessage],
  ["system", (frame) => isText(frame.message)],
  ["typing", (frame) => isText(frame.username) && typeof frame.isTyping === "boolean"],
  ["presence", (frame) => Array.isArray(frame.users) && frame.users.every(isText)],
  ["history", (frame) => Array.isArray(frame.history)],
  ["heartbeat", () => true],
  ["error", (frame) => isText(frame.message)],
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
  if (frame.type === "history") frame.history = frame.history.filter(isLoggedEvent);
  return frame;
}

/**
 * Whether this is an event of the log: a message, or a notice that has a place in the order.
 *
 * @param {Record<string, any>} frame
 * @returns {boolean} False for a `system` frame without `id` and `seq`: an answer to us alone.
 */
export function isLoggedEvent(frame) {
  return frame?.type === "message" ? isMessage(frame) : frame?.type === "system" && isEvent(frame);
}

/**
 * @param {string} text What to say. It goes as JSON even though bare text would do, as text that
 *   begins with a brace would be taken for a command.
 * @returns {string} The frame.
 */
export function encodeMessage(text) {
  return JSON.stringify({ type: "message", message: text });
}

/**
 * @param {boolean} isTyping
 * @returns {string} The frame.
 */
export function encodeTyping(isTyping) {
  return JSON.stringify({ type: "typing", isTyping });
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
