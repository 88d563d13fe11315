/** What this person's page knows of a room: its history, its members, and where they have read to. */

import { nameKey } from "./names.js";
import { Timeline } from "./timeline.js";
import { LARGE_ROOM } from "./wire.js";

/** The most entries of a room that is not open. */
const MAX_ENTRIES_CLOSED = 200;

/**
 * @typedef {object} Acknowledged A message that the server has stored, and that has not come back yet.
 * @property {string} ref
 * @property {string} id
 * @property {number} seq
 * @property {string} message
 * @property {number} ts When this person wrote it, in milliseconds since 1970.
 */

/** A room that this person is in, or joins again once the page is connected. */
export class Room {
  #isSelf;
  #epoch = "";
  /** @type {Map<string, string>} */
  #users = new Map();
  timeline = new Timeline();
  /** Whether the server has this person in the room, on the present connection. */
  isJoined = false;
  /** The newest received `seq`. The next one must be 1 higher. */
  cursor = 0;
  /** Where this person has read to. */
  read = 0;
  count = 0;
  /** Where others have read to, by the key of the name. @type {Map<string, {username: string, seq: number}>} */
  reads = new Map();
  /** The names of people who type, by their key. @type {Map<string, string>} */
  typing = new Map();
  /** By id. @type {Map<string, Acknowledged>} */
  acknowledged = new Map();
  isLoadingOlder = false;
  /** Why the page replaced what it showed, if it did. @type {"" | "far-behind" | "new-history"} */
  replaced = "";

  /**
   * @param {string} name
   * @param {(name: string) => boolean} isSelf
   */
  constructor(name, isSelf) {
    this.name = name;
    this.#isSelf = isSelf;
  }

  /** What to join with, so that the server sends exactly the missed events. */
  get since() {
    return this.#epoch === "" ? {} : { since: this.cursor, epoch: this.#epoch };
  }

  /** Whether this person was in the room at all. */
  get isKnown() {
    return this.#epoch !== "";
  }

  get isLarge() {
    return this.count > LARGE_ROOM;
  }

  /** @returns {string[]} The names of the members, or the first of them. */
  get users() {
    return [...this.#users.values()].sort((one, other) => (one < other ? -1 : 1)).slice(0, LARGE_ROOM);
  }

  /** The number of loaded messages of others that this person has not read. */
  get unread() {
    return this.unreadMessages.length;
  }

  /** Those messages, newest first. @returns {import("./timeline.js").Entry[]} */
  get unreadMessages() {
    return this.isKnown ? this.timeline.unread(this.read, this.#isSelf) : [];
  }

  /** Whether further unread messages may be above `read` that are not loaded. */
  get mayHaveMoreUnread() {
    return this.isKnown && this.timeline.floor - 1 > this.read;
  }

  /** When somebody last wrote here, in milliseconds since 1970; 0 if no message is loaded. */
  get activeAt() {
    return this.timeline.entries.findLast(({ type }) => type === "message")?.ts ?? 0;
  }

  /** @param {import("./wire.js").Joined} joined */
  enter(joined) {
    const isNewHistory = this.isKnown && joined.epoch !== this.#epoch;
    if (joined.recovered && this.isKnown) {
      for (const event of joined.history) this.add(event);
    } else {
      this.replaced = isNewHistory ? "new-history" : this.isKnown ? "far-behind" : "";
      this.timeline.reset(joined.history, joined.head, joined.more === true);
      // A page of history still to come belongs to what the page no longer shows.
      this.isLoadingOlder = false;
    }
    if (isNewHistory) this.acknowledged.clear();
    for (const { id } of this.timeline.entries) this.acknowledged.delete(id);
    this.read = isNewHistory ? joined.read : Math.max(this.read, joined.read);
    this.#epoch = joined.epoch;
    this.cursor = joined.head;
    this.count = joined.count;
    this.#users = new Map(joined.users.map((name) => [nameKey(name), name]));
    this.reads = new Map();
    for (const [username, seq] of Object.entries(joined.reads)) this.setRead({ username, seq });
    this.typing.clear();
    this.isJoined = true;
  }

  /** The connection is lost. */
  disconnect() {
    this.isJoined = false;
    this.isLoadingOlder = false;
    this.typing.clear();
  }

  /**
   * Add an event unless it is known, or unless events before it are missing.
   *
   * @param {import("./wire.js").ChatEvent} event
   * @returns {"new" | "known" | "gap"}
   */
  add(event) {
    if (event.seq <= this.cursor) return "known";
    if (event.seq > this.cursor + 1) return "gap";
    this.cursor = event.seq;
    const own = this.acknowledged.get(event.id);
    this.acknowledged.delete(event.id);
    this.timeline.append(own === undefined ? event : { ...event, ref: own.ref });
    return "new";
  }

  /**
   * The server did what a request asked for.
   *
   * @param {import("./outbox.js").Request} request
   * @param {string} id The event that it became.
   * @param {number} seq The position of that event.
   */
  acknowledge(request, id, seq) {
    const { type, ref, message = "", ts } = request;
    if (type === "edit") this.timeline.change({ type: "edited", target: request.id, message });
    else if (type === "delete") this.timeline.change({ type: "deleted", target: request.id });
    // The event comes after the ack, unless an earlier connection has received it.
    else if (seq > this.cursor) this.acknowledged.set(id, { ref, id, seq, message, ts });
  }

  /** @param {{history: import("./wire.js").ChatEvent[], more?: boolean}} page A `history` message. */
  addOlder({ history, more }) {
    this.isLoadingOlder = false;
    this.timeline.prepend(history, more === true && history.length > 0);
  }

  /** @param {{online: string[], offline: string[], count?: unknown}} presence */
  applyPresence({ online, offline, count }) {
    for (const name of offline) this.#users.delete(nameKey(name));
    for (const name of online) this.#users.set(nameKey(name), name);
    this.count = Number.isInteger(count) ? Number(count) : this.#users.size;
  }

  /** @param {{username: string, isTyping: boolean}} typing */
  setTyping({ username, isTyping }) {
    if (this.#isSelf(username)) return;
    if (isTyping) this.typing.set(nameKey(username), username);
    else this.typing.delete(nameKey(username));
  }

  /** @param {{username: string, seq: number}} read */
  setRead({ username, seq }) {
    if (this.#isSelf(username)) this.read = Math.max(this.read, seq);
    else this.reads.set(nameKey(username), { username, seq });
  }

  /** Remove the oldest entries of a room that is not open. */
  shrink() {
    this.timeline.trim(MAX_ENTRIES_CLOSED);
  }
}
