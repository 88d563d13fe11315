/** What the page shows of a room, line by line. Computed only; knows no page. */

import { nameKey } from "./names.js";

/** Messages of one person within this time stand together, in milliseconds. */
const GROUP_WITHIN_MS = 5 * 60_000;

/** The words after the name of the user that a notice is about, by the kind of the notice. */
const NOTICES = new Map([
  ["joined", " has joined the chat"],
  ["left", " has left the chat"],
]);

/**
 * @typedef {object} Line
 * @property {string} key The same for as long as the line is there.
 * @property {"message" | "notice" | "divider"} kind
 * @property {string} text
 * @property {string} [about] The user that a notice is about; its text continues after that name.
 * @property {number} [ts] Milliseconds since 1970, UTC.
 * @property {string} [time] `HH:MM:SS` on the server.
 * @property {string} [id] Of a message on the log.
 * @property {number} [seq] The same.
 * @property {string} [username] Who said it, where a message.
 * @property {boolean} [isOwn]
 * @property {boolean} [isContinued] It stands right below one of the same person.
 * @property {boolean} [isEdited]
 * @property {boolean} [isDeleted]
 * @property {"sending" | "sent" | "seen" | "failed"} [state] Of an own message, or its change.
 * @property {string} [failed] What failed: `message`, `edit` or `delete`.
 * @property {string} [ref] The request that is under way or failed.
 * @property {string} [fault] Why.
 * @property {string[]} [seenBy] Who has read up to here and no further.
 */

/**
 * @param {import("./room.js").Room} room
 * @param {readonly import("./outbox.js").Request[]} requests All that are not answered.
 * @param {object} reader
 * @param {string} reader.name Our own.
 * @param {(name: string) => boolean} reader.isSelf
 * @param {number} reader.newFrom What is above this `seq` was new when the room was opened; 0 for
 *   no mark.
 * @returns {Line[]} Oldest first.
 */
export function linesOf(room, requests, reader) {
  const ours = requests.filter((request) => request.room === room.name);
  const changes = new Map(ours.filter(({ id }) => id).map((request) => [request.id, request]));
  const seenUpTo = room.isCrowd ? 0 : Math.max(0, ...[...room.reads.values()].map(({ seq }) => seq));
  const lines = room.timeline.entries.map((entry) =>
    entry.type === "message"
      ? loggedLine(entry, changes.get(entry.id), seenUpTo, reader.isSelf)
      : noticeLine(entry),
  );
  if (!room.isCrowd) noteReaders(lines, [...room.reads.values()]);
  if (reader.newFrom > 0) markNew(lines, reader.newFrom);
  lines.unshift(...heading(room));
  lines.push(...unloggedLines(room, ours, reader.name));
  groupByPerson(lines);
  return lines;
}

function loggedLine(entry, change, seenUpTo, isSelf) {
  const { id, seq, username, message, ts, time, ref, isEdited, isDeleted } = entry;
  const isOwn = isSelf(username);
  const line = { key: ref ?? id, kind: "message", id, seq, username, text: message, ts, time };
  Object.assign(line, { isOwn, isEdited, isDeleted });
  if (!isOwn || isDeleted) return line;
  line.state = seq <= seenUpTo ? "seen" : "sent";
  return change === undefined ? line : withChange(line, change);
}

/**
 * A name may look like a notice: `ann has left. bob`. So the name is shown apart from the words. A
 * newer server may have other kinds, and a damaged event has none: then its own sentence is shown.
 */
function noticeLine({ id, kind, username, message, ts, time, seq }) {
  const words = NOTICES.get(kind);
  const line = { key: id, kind: "notice", text: words ?? message, ts, time, seq };
  if (words !== undefined) line.about = username;
  return line;
}

/** The text that was asked for shows at once, and stays where it was refused, to be mended. */
function withChange(line, { type, ref, message, state, fault }) {
  const changed = { ...line, ref, state, fault, failed: state === "failed" ? type : undefined };
  return type === "edit" ? { ...changed, text: message, isEdited: true } : changed;
}

/** Own messages that the log has, or may have, behind all that has come. */
function unloggedLines(room, requests, name) {
  const acked = [...room.acked.values()].sort((one, other) => one.seq - other.seq);
  const sent = acked.map(({ ref, id, seq, message, ts }) => ({ ref, id, seq, message, ts, state: "sent" }));
  const waiting = requests.filter((request) => request.type === "message" && !isShown(room, request));
  return [...sent, ...waiting].map(({ ref, id, seq, message, ts, state, fault }) => ({
    key: ref,
    kind: "message",
    id,
    seq,
    ref,
    username: name,
    text: message,
    ts,
    isOwn: true,
    state,
    fault,
    failed: state === "failed" ? "message" : undefined,
  }));
}

/** One that may be on the log is taken to be the one there that says the same, until the answer
 *  tells: so it does not stand there twice for the moment that this takes. */
function isShown(room, { isInDoubt, state, message, after }) {
  if (!isInDoubt || state === "failed") return false;
  return room.timeline.entries.some(
    ({ type, ref, seq, message: text }) =>
      type === "message" && ref === undefined && seq > after && text === message.trim(),
  );
}

function heading({ timeline, replaced, isKnown }) {
  if (!isKnown) return [];
  if (replaced === "new-log") return [divider("top", "The server has another history now; messages that are not here are gone")];
  if (!timeline.hasOlder) return [divider("top", "The beginning of this room")];
  return replaced === "" ? [] : [divider("top", "Much was said while you were away; scroll up for the rest")];
}

function divider(key, text) {
  return { key, kind: "divider", text };
}

function markNew(lines, newFrom) {
  const at = lines.findIndex(({ kind, seq, isOwn }) => kind === "message" && seq > newFrom && !isOwn);
  if (at >= 0) lines.splice(at, 0, divider("new", "New"));
}

function noteReaders(lines, readers) {
  const waiting = [...readers].sort((one, other) => other.seq - one.seq);
  for (let at = lines.length - 1; at >= 0 && waiting.length > 0; at -= 1) {
    const { kind, seq, username } = lines[at];
    if (kind !== "message") continue;
    const here = [];
    while (waiting.length > 0 && waiting[0].seq >= seq) here.push(waiting.shift().username);
    // Who has written something has read it, and that goes without saying.
    lines[at].seenBy = here.filter((name) => nameKey(name) !== nameKey(username)).sort();
  }
}

function groupByPerson(lines) {
  for (let at = 1; at < lines.length; at += 1) {
    const [above, line] = [lines[at - 1], lines[at]];
    line.isContinued =
      above.kind === "message" &&
      line.kind === "message" &&
      nameKey(above.username) === nameKey(line.username) &&
      line.ts - above.ts < GROUP_WITHIN_MS;
  }
}
