/** Computes the lines that the page shows of a room. Knows no page. */

import { nameKey } from "./client/names.js";

/** Messages of one person within this time form a group, in milliseconds. */
const GROUP_WITHIN_MS = 5 * 60_000;

/** The words after the user's name in a notice, by the kind of the notice. */
const NOTICES = new Map([
  ["joined", " has joined the chat"],
  ["left", " has left the chat"],
]);

/**
 * @typedef {object} Line
 * @property {string} key Stays the same as long as the line exists.
 * @property {"message" | "notice" | "divider"} kind
 * @property {string} text
 * @property {string} [subject] The user of a notice. The text follows this name.
 * @property {number} [ts] Milliseconds since 1970, UTC.
 * @property {string} [time] `HH:MM:SS` on the server.
 * @property {string} [id] Of a stored message.
 * @property {number} [seq] Of a stored event.
 * @property {string} [username] The author of a message.
 * @property {boolean} [isOwn]
 * @property {boolean} [mayEdit] The server lets the reader edit and delete it.
 * @property {boolean} [isContinued] The line above is a message of the same group.
 * @property {boolean} [isEdited]
 * @property {boolean} [isDeleted]
 * @property {"sending" | "sent" | "seen" | "failed"} [state] Of an own message, or of its change.
 * @property {import("./client/outbox.js").Request["type"]} [failed] The type of the failed request.
 * @property {string} [ref] The unanswered or failed request.
 * @property {string} [error] Why the request failed or is delayed.
 * @property {string[]} [seenBy] The users whose newest read message this is.
 */

/**
 * @typedef {object} Reader
 * @property {string} name
 * @property {(name: string) => boolean} isSelf
 * @property {(entry: import("./client/timeline.js").Entry) => boolean} mayEdit
 * @property {number} newFrom Messages above this `seq` were new when the reader opened the room; 0 for
 *   no mark.
 */

/**
 * @param {import("./client/room.js").Room} room
 * @param {readonly import("./client/outbox.js").Request[]} requests All unanswered requests.
 * @param {Reader} reader
 * @returns {Line[]} Oldest first.
 */
export function linesOf(room, requests, reader) {
  const ours = requests.filter((request) => request.room === room.name);
  const changes = new Map(ours.map((request) => [request.id, request]));
  const readers = room.isLarge ? [] : [...room.reads.values()];
  const seenUpTo = Math.max(0, ...readers.map(({ seq }) => seq));
  const lines = room.timeline.entries.map((entry) =>
    entry.type === "message"
      ? messageLine(entry, changes.get(entry.id), seenUpTo, reader)
      : noticeLine(entry),
  );
  addReaders(lines, readers);
  if (reader.newFrom > 0) markNew(lines, reader.newFrom);
  lines.unshift(...heading(room));
  lines.push(...pendingLines(room, ours, reader.name));
  groupByAuthor(lines);
  return lines;
}

/**
 * @param {import("./client/timeline.js").Entry} entry
 * @param {import("./client/outbox.js").Request | undefined} change An unanswered edit or delete.
 * @param {number} seenUpTo
 * @param {Reader} reader
 * @returns {Line}
 */
function messageLine(entry, change, seenUpTo, { isSelf, mayEdit }) {
  const { id, seq, username = "", message, ts, time, ref, isEdited, isDeleted } = entry;
  const isOwn = isSelf(username);
  /** @type {Line} */
  const line = { key: ref ?? id, kind: "message", id, seq, username, text: message, ts, time, isOwn, isEdited, isDeleted };
  if (!isOwn || isDeleted) return line;
  line.mayEdit = mayEdit(entry);
  line.state = seq <= seenUpTo ? "seen" : "sent";
  return change === undefined ? line : withChange(line, change);
}

/**
 * A user name may look like a notice, such as `ann has left. bob`, so the page shows it apart from the
 * words. Events of an unknown or missing kind show the server's own sentence.
 *
 * @param {import("./client/timeline.js").Entry} entry
 * @returns {Line}
 */
function noticeLine({ id, kind = "", username, message, ts, time, seq }) {
  const words = NOTICES.get(kind);
  /** @type {Line} */
  const line = { key: id, kind: "notice", text: words ?? message, ts, time, seq };
  if (words !== undefined) line.subject = username;
  return line;
}

/**
 * Show the requested text at once. A rejected text stays, so that its author can correct it.
 *
 * @param {Line} line
 * @param {import("./client/outbox.js").Request} change
 * @returns {Line}
 */
function withChange(line, { type, ref, message = "", state, error }) {
  const changed = { ...line, ref, state, error, failed: state === "failed" ? type : undefined };
  return type === "edit" ? { ...changed, text: message, isEdited: true } : changed;
}

/**
 * Own messages that have not come back, after everything that has.
 *
 * @param {import("./client/room.js").Room} room
 * @param {import("./client/outbox.js").Request[]} requests
 * @param {string} username
 * @returns {Line[]}
 */
function pendingLines(room, requests, username) {
  const stored = [...room.acknowledged.values()].sort((one, other) => one.seq - other.seq);
  const waiting = requests.filter((request) => request.type === "message" && !isShown(room, request));
  return [
    ...stored.map((message) => ownLine(username, { ...message, state: "sent" })),
    ...waiting.map(({ ref, message = "", ts, state, error }) => ownLine(username, { ref, message, ts, state, error })),
  ];
}

/**
 * @param {string} username
 * @param {{ref: string, id?: string, seq?: number, message: string, ts: number, error?: string,
 *   state: "sending" | "sent" | "failed"}} message
 * @returns {Line}
 */
function ownLine(username, { ref, id, seq, message, ts, state, error }) {
  const failed = state === "failed" ? "message" : undefined;
  return { key: ref, kind: "message", id, seq, ref, username, text: message, ts, isOwn: true, state, error, failed };
}

/**
 * Whether the history seems to have a message that may be stored. Until the answer comes, the page
 * takes an equal text for it, and so does not show it twice.
 *
 * @param {import("./client/room.js").Room} room
 * @param {import("./client/outbox.js").Request} request
 */
function isShown(room, { mayBeStored, state, message = "", after }) {
  if (!mayBeStored || state === "failed") return false;
  return room.timeline.entries.some(
    ({ type, ref, seq, message: text }) =>
      type === "message" && ref === undefined && seq > after && text === message.trim(),
  );
}

/**
 * @param {import("./client/room.js").Room} room
 * @returns {Line[]}
 */
function heading({ timeline, replaced, isKnown }) {
  if (!isKnown) return [];
  if (replaced === "new-history") {
    return [divider("top", "The server restored another history. Messages that are not here are lost")];
  }
  if (!timeline.hasOlder) return [divider("top", "The beginning of this room")];
  return replaced === "" ? [] : [divider("top", "You missed many messages. Scroll up to read them")];
}

/**
 * @param {string} key
 * @param {string} text
 * @returns {Line}
 */
function divider(key, text) {
  return { key, kind: "divider", text };
}

/**
 * @param {Line[]} lines
 * @param {number} newFrom
 */
function markNew(lines, newFrom) {
  const at = lines.findIndex(({ kind, seq = 0, isOwn }) => kind === "message" && seq > newFrom && !isOwn);
  if (at >= 0) lines.splice(at, 0, divider("new", "New"));
}

/**
 * @param {Line[]} lines
 * @param {{username: string, seq: number}[]} readers
 */
function addReaders(lines, readers) {
  const waiting = [...readers].sort((one, other) => other.seq - one.seq);
  for (let at = lines.length - 1; at >= 0 && waiting.length > 0; at -= 1) {
    const { kind, seq = 0, username = "" } = lines[at];
    if (kind !== "message") continue;
    const end = waiting.findIndex((reader) => reader.seq < seq);
    const names = waiting.splice(0, end < 0 ? waiting.length : end).map((reader) => reader.username);
    // Authors have read their own messages, so do not name them there.
    lines[at].seenBy = names.filter((name) => nameKey(name) !== nameKey(username)).sort();
  }
}

/** @param {Line[]} lines */
function groupByAuthor(lines) {
  for (let at = 1; at < lines.length; at += 1) {
    const [above, line] = [lines[at - 1], lines[at]];
    line.isContinued =
      above.kind === "message" &&
      line.kind === "message" &&
      nameKey(above.username ?? "") === nameKey(line.username ?? "") &&
      (line.ts ?? 0) - (above.ts ?? 0) < GROUP_WITHIN_MS;
  }
}
