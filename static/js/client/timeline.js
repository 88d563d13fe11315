/**
 * The known part of a room's history: without a gap, up to the newest event.
 *
 * Edits and deletes are events too, but the page does not show them in their place: they change the
 * message they target. Knows no page.
 */

/** @typedef {import("./wire.js").ChatEvent} ChatEvent */

/**
 * @typedef {object} Entry A message or a notice in its current state.
 * @property {"message" | "system"} type
 * @property {string} id Unique in all rooms.
 * @property {number} seq Its position in the room.
 * @property {string} [kind] Of a notice: `joined` or `left`, or one of a newer server.
 * @property {string} [username] The author of a message, or the subject of a notice.
 * @property {string} message The newest text; empty after a delete.
 * @property {string} time `HH:MM:SS` on the server.
 * @property {number} ts Milliseconds since 1970, UTC.
 * @property {boolean} isEdited
 * @property {boolean} isDeleted
 * @property {string} [ref] The request that made it, if this page sent it.
 */

/** @typedef {Pick<ChatEvent, "type"> & {target?: string, message?: string, deleted?: boolean}} Change */

/** The entries of one room. */
export class Timeline {
  /** @type {Entry[]} */
  #entries = [];
  /** @type {Map<string, Entry>} */
  #byId = new Map();
  /** Changes of messages that are not here yet, by the id of the message. @type {Map<string, Change>} */
  #changes = new Map();
  /** The lowest known `seq`. */
  floor = 1;
  /** Whether the room has older events. */
  hasOlder = false;

  /** @returns {readonly Entry[]} Oldest first. */
  get entries() {
    return this.#entries;
  }

  /**
   * Start again with the end of a history.
   *
   * @param {ChatEvent[]} events Oldest first.
   * @param {number} head The newest `seq` of the room.
   * @param {boolean} hasOlder
   */
  reset(events, head, hasOlder) {
    this.#entries = [];
    this.#byId.clear();
    this.#changes.clear();
    this.floor = events.length > 0 ? events[0].seq : head + 1;
    this.hasOlder = hasOlder;
    for (const event of events) this.append(event);
  }

  /** @param {ChatEvent & {ref?: string}} event The next event. */
  append(event) {
    if (event.type === "edited" || event.type === "deleted") this.change(event);
    else if (!this.#byId.has(event.id)) this.#entries.push(this.#add(event));
  }

  /**
   * Insert older events before the known ones.
   *
   * @param {ChatEvent[]} events Oldest first, up to the one below the floor.
   * @param {boolean} hasOlder
   */
  prepend(events, hasOlder) {
    const older = events.filter((event) => event.seq < this.floor);
    const shown = older.filter(({ type }) => type === "message" || type === "system");
    this.#entries = [...shown.map((event) => this.#add(event)), ...this.#entries];
    for (const event of older) if (event.target !== undefined) this.change(event);
    if (older.length > 0) this.floor = older[0].seq;
    this.hasOlder = hasOlder;
  }

  /** @param {number} most Remove the oldest entries above this number. The server has them. */
  trim(most) {
    if (this.#entries.length <= most) return;
    const removed = this.#entries.splice(0, this.#entries.length - most);
    for (const entry of removed) this.#byId.delete(entry.id);
    this.floor = this.#entries[0].seq;
    this.hasOlder = true;
  }

  /**
   * The loaded messages of others above a position. Below the floor nothing is known.
   *
   * @param {number} seq
   * @param {(name: string) => boolean} isSelf
   * @returns {Entry[]} Newest first.
   */
  unread(seq, isSelf) {
    const found = [];
    for (let at = this.#entries.length - 1; at >= 0 && this.#entries[at].seq > seq; at -= 1) {
      const { type, username = "", isDeleted } = this.#entries[at];
      if (type === "message" && !isDeleted && !isSelf(username)) found.push(this.#entries[at]);
    }
    return found;
  }

  /** @param {Change} event Edits or deletes a message, now or once the page has it. */
  change(event) {
    if (event.target === undefined) return;
    const entry = this.#byId.get(event.target);
    if (entry === undefined) this.#changes.set(event.target, event);
    else apply(entry, event);
  }

  /**
   * @param {ChatEvent & {ref?: string}} event
   * @returns {Entry}
   */
  #add(event) {
    const { kind, id, seq, username, message, time, ts, ref } = event;
    const type = event.type === "system" ? "system" : "message";
    const isEdited = event.edited === true;
    const isDeleted = event.deleted === true;
    /** @type {Entry} */
    const entry = { type, kind, id, seq, username, message, time, ts, ref, isEdited, isDeleted };
    this.#byId.set(id, entry);
    // The change came live, before this older page of history, so it is newer.
    const change = this.#changes.get(id);
    if (change !== undefined) apply(entry, change);
    return entry;
  }
}

/**
 * @param {Entry} entry
 * @param {Change} event
 */
function apply(entry, event) {
  if (event.type === "deleted" || event.deleted === true) {
    entry.isDeleted = true;
    entry.message = "";
  } else if (!entry.isDeleted) {
    entry.isEdited = true;
    entry.message = event.message ?? "";
  }
}
