/** One room as this person knows it: the log, who is there, who has read what. Knows no page. */

import { nameKey } from "./names.js";
import { Timeline } from "./timeline.js";
import { CROWD } from "./wire.js";

/** So many entries are kept of a room that nobody looks at. */
const MOST_UNWATCHED = 200;

/**
 * @typedef {object} Acked A message that the server has taken, and whose own copy is still to come.
 * @property {string} ref
 * @property {string} id
 * @property {number} seq
 * @property {string} message
 * @property {number} ts When it was written here, in milliseconds since 1970.
 */

/** A room that this person is in, or will be in again once the connection is back. */
export class Room {
  #isSelf;
  #epoch = "";
  #users = new Map();
  timeline = new Timeline();
  /** Whether the server has us in it, on the connection that there is now. */
  isJoined = false;
  /** The last `seq` that has come; the next one must be 1 more. */
  cursor = 0;
  /** Up to where this person has read. */
  read = 0;
  count = 0;
  /** Up to where the others have read: by the key of the name. */
  reads = new Map();
  /** Who is typing: by the key of the name. */
  typing = new Map();
  /** @type {Map<string, Acked>} */
  acked = new Map();
  isLoadingOlder = false;
  /** Why what had been shown was replaced, if it was. @type {"" | "far-behind" | "new-log"} */
  replaced = "";

  /**
   * @param {string} name
   * @param {(name: string) => boolean} isSelf
   */
  constructor(name, isSelf) {
    this.name = name;
    this.#isSelf = isSelf;
  }

  /** What to ask with, so that exactly what was missed comes. */
  get since() {
    return this.#epoch === "" ? {} : { since: this.cursor, epoch: this.#epoch };
  }

  /** Whether we have been in it at all. */
  get isKnown() {
    return this.#epoch !== "";
  }

  get isCrowd() {
    return this.count > CROWD;
  }

  /** @returns {string[]} The names of those who are here, or of the first of them. */
  get users() {
    return [...this.#users.values()].sort((one, other) => (one < other ? -1 : 1)).slice(0, CROWD);
  }

  get unread() {
    return this.isKnown ? this.timeline.countUnread(this.read, this.#isSelf) : 0;
  }

  /** @param {object} frame `joined`. */
  enter(frame) {
    const isNewLog = this.isKnown && frame.epoch !== this.#epoch;
    if (frame.recovered && this.isKnown) {
      for (const event of frame.history) this.add(event);
    } else {
      this.replaced = isNewLog ? "new-log" : this.isKnown ? "far-behind" : "";
      this.timeline.reset(frame.history, frame.head, frame.more === true);
      // A page of history that is still to come belongs to what is no longer shown.
      this.isLoadingOlder = false;
    }
    if (isNewLog) this.acked.clear();
    for (const { id } of this.timeline.entries) this.acked.delete(id);
    this.read = isNewLog ? frame.read : Math.max(this.read, frame.read);
    this.#epoch = frame.epoch;
    this.cursor = frame.head;
    this.count = frame.count;
    this.#users = new Map(frame.users.map((name) => [nameKey(name), name]));
    this.reads = new Map();
    for (const [username, seq] of Object.entries(frame.reads)) this.#noteRead(username, seq);
    this.typing.clear();
    this.isJoined = true;
  }

  /** The connection is gone. */
  lose() {
    this.isJoined = false;
    this.isLoadingOlder = false;
    this.typing.clear();
  }

  /**
   * @param {object} event The next of the log, live.
   * @returns {"new" | "known" | "gap"} Taken only where new.
   */
  add(event) {
    if (event.seq <= this.cursor) return "known";
    if (event.seq > this.cursor + 1) return "gap";
    this.#take(event);
    return "new";
  }

  /**
   * The server has done what we asked.
   *
   * @param {import("./outbox.js").Request} request
   * @param {string} id Of the event that it has become.
   * @param {number} seq Its place.
   */
  settle(request, id, seq) {
    const { type, ref, message, ts } = request;
    if (type === "edit") this.timeline.append({ type: "edited", target: request.id, message });
    else if (type === "delete") this.timeline.append({ type: "deleted", target: request.id });
    // The event itself comes behind the ack, unless it has come before, over an earlier connection.
    else if (seq > this.cursor) this.acked.set(id, { ref, id, seq, message, ts });
  }

  /** @param {object} frame `history`: what is older than what is known. */
  addOlder(frame) {
    this.isLoadingOlder = false;
    this.timeline.prepend(frame.history, frame.more === true && frame.history.length > 0);
  }

  /** @param {object} frame `presence`: who has come and who has gone. */
  change({ online, offline, count }) {
    for (const name of offline) this.#users.delete(nameKey(name));
    for (const name of online) this.#users.set(nameKey(name), name);
    this.count = Number.isInteger(count) ? count : this.#users.size;
  }

  /** @param {object} frame `typing`. */
  setTyping({ username, isTyping }) {
    if (this.#isSelf(username)) return;
    if (isTyping) this.typing.set(nameKey(username), username);
    else this.typing.delete(nameKey(username));
  }

  /** @param {object} frame `read`. */
  setRead({ username, seq }) {
    this.#noteRead(username, seq);
  }

  /** Forget the oldest of a room that nobody looks at. */
  shrink() {
    this.timeline.trim(MOST_UNWATCHED);
  }

  #take(event) {
    this.cursor = event.seq;
    const own = this.acked.get(event.id);
    this.acked.delete(event.id);
    this.timeline.append(own === undefined ? event : { ...event, ref: own.ref });
  }

  #noteRead(username, seq) {
    if (this.#isSelf(username)) this.read = Math.max(this.read, seq);
    else this.reads.set(nameKey(username), { username, seq });
  }
}
