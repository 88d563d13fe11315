/** Computes the lines that the page shows of a room. Knows no page. */

import { nameKey } from "./client/names.js";
import { t } from "./messages.js";
import { foldNotices, isComingOrGoing } from "./notices.js";
import { dayKey, dayLabel } from "./times.js";

/** Messages of one person within this time form a group, in milliseconds. */
const GROUP_WITHIN_MS = 5 * 60_000;

/** After this many messages the page shows their author again: about a screen. */
const GROUP_AT_MOST = 12;

/**
 * @typedef {object} Line
 * @property {string} key Stays the same as long as the line exists.
 * @property {"message" | "notice" | "day" | "divider"} kind
 * @property {string} text Empty for a notice with `parts`.
 * @property {import("./notices.js").Part[]} [parts] The users of a notice.
 * @property {number} [count] How many notices it folds.
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
 * @property {"sending" | "sent" | "failed"} [state] Of an own message, or of its change.
 * @property {import("./client/outbox.js").Request["type"]} [failed] The type of the failed request.
 * @property {string} [ref] The unanswered or failed request.
 * @property {string} [error] Why the request failed or is delayed.
 */

/**
 * @typedef {object} Reader
 * @property {string} name
 * @property {(name: string) => boolean} isSelf
 * @property {(message: {id?: string, username?: string}) => boolean} mayEdit
 * @property {number} newFrom Messages above this `seq` were new when the reader opened the room; 0 for
 *   no mark.
 * @property {Date} now
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
  const lines = storedLines(room.timeline.entries, changes, reader);
  lines.push(...pendingLines(room, ours, reader));
  if (reader.newFrom > 0) markNew(lines, reader.newFrom);
  const all = withDays(lines, reader.now);
  all.unshift(...heading(room));
  groupByAuthor(all);
  return all;
}

/**
 * @param {Line} line
 * @returns {boolean} Whether the page offers to edit and delete the message now.
 */
export function isEditable({ mayEdit, id, isDeleted, ref, state }) {
  return mayEdit === true && id !== undefined && isDeleted !== true && (ref === undefined || state === "sent");
}

/**
 * @param {readonly Line[]} lines
 * @returns {Line | undefined} The user's last message, if it can be edited: not the one before a message or
 *   a change that is still on its way.
 */
export function lastEditable(lines) {
  const last = lines.findLast((line) => line.state === "sending" || isEditable(line));
  return last !== undefined && isEditable(last) ? last : undefined;
}

/**
 * Where others have read to. Apart from the lines, since it changes far more often.
 *
 * @param {import("./client/room.js").Room} room
 * @param {readonly Line[]} lines
 * @returns {{upTo: number, by: Map<string, string[]>}} The `seq` up to which somebody has read, and by
 *   key of a message the users whose newest read message it is. A large room has none.
 */
export function readersOf(room, lines) {
  const readers = room.isLarge ? [] : [...room.reads.values()].sort((one, other) => other.seq - one.seq);
  const upTo = readers[0]?.seq ?? 0;
  /** @type {Map<string, string[]>} */
  const by = new Map();
  let next = 0;
  for (let at = lines.length - 1; at >= 0 && next < readers.length; at -= 1) {
    const { key, kind, seq, username = "" } = lines[at];
    if (kind !== "message" || seq === undefined) continue;
    const names = [];
    for (; next < readers.length && readers[next].seq >= seq; next += 1) names.push(readers[next].username);
    // Authors have read their own messages, so do not name them there.
    const others = names.filter((name) => nameKey(name) !== nameKey(username)).sort();
    if (others.length > 0) by.set(key, others);
  }
  return { upTo, by };
}

/**
 * @param {readonly import("./client/timeline.js").Entry[]} entries
 * @param {Map<string | undefined, import("./client/outbox.js").Request>} changes By id of the message.
 * @param {Reader} reader
 * @returns {Line[]}
 */
function storedLines(entries, changes, reader) {
  /** @type {Line[]} */
  const lines = [];
  for (let at = 0; at < entries.length; at += 1) {
    const entry = entries[at];
    if (entry.type === "message") {
      lines.push(messageLine(entry, changes.get(entry.id), reader));
      continue;
    }
    const fold = [entry];
    while (isComingOrGoing(entry) && isSameFold(entry, entries[at + 1])) fold.push(entries[(at += 1)]);
    lines.push(noticeLine(fold));
  }
  return lines;
}

/**
 * @param {import("./client/timeline.js").Entry} first
 * @param {import("./client/timeline.js").Entry | undefined} next
 */
function isSameFold(first, next) {
  return next !== undefined && isComingOrGoing(next) && dayKey(new Date(first.ts)) === dayKey(new Date(next.ts));
}

/**
 * @param {import("./client/timeline.js").Entry} entry
 * @param {import("./client/outbox.js").Request | undefined} change An unanswered edit or delete.
 * @param {Reader} reader
 * @returns {Line}
 */
function messageLine(entry, change, { isSelf, mayEdit }) {
  const { id, seq, username = "", message, ts, time, ref, isEdited, isDeleted } = entry;
  const isOwn = isSelf(username);
  /** @type {Line} */
  const line = { key: ref ?? id, kind: "message", id, seq, username, text: message, ts, time, isOwn, isEdited, isDeleted };
  if (!isOwn || isDeleted) return line;
  line.mayEdit = mayEdit(entry);
  line.state = "sent";
  return change === undefined ? line : withChange(line, change);
}

/**
 * A user name may look like a notice, such as `ann has left. bob`, so the page shows it apart from the
 * words. Events of an unknown or missing kind show the server's own sentence.
 *
 * @param {import("./client/timeline.js").Entry[]} fold One notice, or more of users that came and went.
 * @returns {Line}
 */
function noticeLine(fold) {
  const { id, message } = fold[0];
  const { ts, time, seq } = fold[fold.length - 1];
  /** @type {Line} */
  const line = { key: id, kind: "notice", text: message, ts, time, seq, count: fold.length };
  return isComingOrGoing(fold[0]) ? { ...line, text: "", parts: foldNotices(fold) } : line;
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
 * @param {Reader} reader
 * @returns {Line[]}
 */
function pendingLines(room, requests, { name: username, mayEdit }) {
  const stored = [...room.acknowledged.values()].sort((one, other) => one.seq - other.seq);
  const waiting = requests.filter((request) => request.type === "message" && !isShown(room, request));
  return [
    ...stored.map((message) => ({
      ...ownLine(username, { ...message, state: "sent" }),
      mayEdit: mayEdit({ id: message.id, username }),
    })),
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
function heading({ timeline, replaced, isKnown, isLoadingOlder }) {
  if (!isKnown) return [];
  if (isLoadingOlder) return [divider("top", t("log.loading"))];
  if (replaced === "new-history") return [divider("top", t("log.new-history"))];
  if (!timeline.hasOlder) return [divider("top", t("log.beginning"))];
  return replaced === "" ? [] : [divider("top", t("log.far-behind"))];
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
  if (at >= 0) lines.splice(at, 0, divider("new", t("log.new")));
}

/**
 * @param {Line[]} lines
 * @param {Date} now
 * @returns {Line[]} With a line before the first event of each day.
 */
function withDays(lines, now) {
  /** @type {Line[]} */
  const all = [];
  let day = "";
  for (const line of lines) {
    const moment = new Date(line.ts ?? Number.NaN);
    const key = Number.isNaN(moment.getTime()) ? day : dayKey(moment);
    if (key !== day) {
      const isAfterMark = all.at(-1)?.key === "new";
      all.splice(isAfterMark ? -1 : all.length, 0, { key: `day-${key}`, kind: "day", text: dayLabel(moment, now) });
      day = key;
    }
    all.push(line);
  }
  return all;
}

/** @param {Line[]} lines */
function groupByAuthor(lines) {
  let size = 1;
  for (let at = 1; at < lines.length; at += 1) {
    const [above, line] = [lines[at - 1], lines[at]];
    line.isContinued =
      size < GROUP_AT_MOST &&
      above.kind === "message" &&
      line.kind === "message" &&
      nameKey(above.username ?? "") === nameKey(line.username ?? "") &&
      (line.ts ?? 0) - (above.ts ?? 0) < GROUP_WITHIN_MS;
    size = line.isContinued ? size + 1 : 1;
  }
}
