/**
 * What is known of a room's log: a stretch without a gap, up to the newest.
 *
 * Edits and deletes have a place in the log, but are not shown at it: they change the message that
 * they are about. Knows no page.
 */

/**
 * @typedef {object} Entry A message or a notice as it is to be shown.
 * @property {"message" | "system"} type
 * @property {string} id Unique for ever.
 * @property {number} seq Its place in the room.
 * @property {string} [kind] Of a notice: `joined` or `left`; a newer server may have others.
 * @property {string} [username] The author of a message, or the user that a notice is about.
 * @property {string} message The newest text; empty where deleted.
 * @property {string} time `HH:MM:SS` on the server.
 * @property {number} ts Milliseconds since 1970, UTC.
 * @property {boolean} [isEdited]
 * @property {boolean} [isDeleted]
 * @property {string} [ref] Where it was sent from this page: what it was called until it had an id.
 */

/** The entries of one room. */
export class Timeline {
  /** @type {Entry[]} */
  #entries = [];
  /** @type {Map<string, Entry>} */
  #byId = new Map();
  /** Changes of messages that are not here yet, by the message's id. */
  #changes = new Map();
  /** The lowest `seq` that is covered; what is below is not known. */
  floor = 1;
  /** Whether the log has older events. */
  hasOlder = false;

  /** @returns {readonly Entry[]} Oldest first. */
  get entries() {
    return this.#entries;
  }

  /** @param {string} id */
  find(id) {
    return this.#byId.get(id);
  }

  /**
   * Begin anew with the end of a log.
   *
   * @param {object[]} events Oldest first.
   * @param {number} head The `seq` of the last of them, or of the log where there are none.
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

  /** @param {object} event The next one. */
  append(event) {
    if (event.type === "edited" || event.type === "deleted") this.#change(event);
    else if (!this.#byId.has(event.id)) this.#entries.push(this.#keep(event));
  }

  /**
   * Put what is older before it.
   *
   * @param {object[]} events Oldest first, up to the one below the floor.
   * @param {boolean} hasOlder
   */
  prepend(events, hasOlder) {
    const older = events.filter((event) => event.seq < this.floor);
    const shown = older.filter(({ type }) => type === "message" || type === "system");
    this.#entries = [...shown.map((event) => this.#keep(event)), ...this.#entries];
    for (const event of older) if (event.target !== undefined) this.#change(event);
    if (older.length > 0) this.floor = older[0].seq;
    this.hasOlder = hasOlder;
  }

  /** @param {number} most Keep no more entries than this; the oldest go, and can be had again. */
  trim(most) {
    if (this.#entries.length <= most) return;
    const gone = this.#entries.splice(0, this.#entries.length - most);
    for (const entry of gone) this.#byId.delete(entry.id);
    this.floor = this.#entries[0].seq;
    this.hasOlder = true;
  }

  /**
   * How many messages of others are above a place. Where the log is not known every event counts.
   *
   * @param {number} seq
   * @param {(name: string) => boolean} isSelf
   */
  countUnread(seq, isSelf) {
    let count = Math.max(0, this.floor - 1 - seq);
    for (let at = this.#entries.length - 1; at >= 0 && this.#entries[at].seq > seq; at -= 1) {
      const { type, username, isDeleted } = this.#entries[at];
      if (type === "message" && !isDeleted && !isSelf(username)) count += 1;
    }
    return count;
  }

  #keep(event) {
    const { type, kind, id, seq, username, message, time, ts, ref } = event;
    const entry = { type, kind, id, seq, username, message, time, ts, ref };
    entry.isEdited = event.edited === true;
    entry.isDeleted = event.deleted === true;
    this.#byId.set(id, entry);
    // It came live before the page of history that this message is in, so it is the newer.
    const change = this.#changes.get(id);
    if (change !== undefined) apply(entry, change);
    return entry;
  }

  #change(event) {
    const entry = this.#byId.get(event.target);
    if (entry === undefined) this.#changes.set(event.target, event);
    else apply(entry, event);
  }
}

function apply(entry, event) {
  if (event.type === "deleted" || event.deleted === true) {
    entry.isDeleted = true;
    entry.message = "";
  } else if (!entry.isDeleted) {
    entry.isEdited = true;
    entry.message = event.message;
  }
}
