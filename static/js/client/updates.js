/** Applies the server's messages about rooms, and finds out when events are missing. */

/** @typedef {import("./room.js").Room} Room */
/** @typedef {import("./types.js").Part} Part */

/** The live part of a session: whatever happens in the joined rooms. */
export class Updates {
  #rooms;
  #onChange;
  #onGap;
  /** When the last event came, in milliseconds since 1970. @type {number | null} */
  eventAt = null;

  /**
   * @param {Map<string, Room>} rooms
   * @param {(room: Room, part: Part) => void} onChange
   * @param {(room: Room) => void} onGap Events of the room are missing. It takes no more of them.
   */
  constructor(rooms, onChange, onGap) {
    this.#rooms = rooms;
    this.#onChange = onChange;
    this.#onGap = onGap;
  }

  /**
   * The handler of each type of message. It gets the message's room too, if the user is in that room.
   *
   * @type {Record<string, (message: any, room: Room | undefined) => void>}
   */
  handlers = {
    message: (event, room) => this.#add(event, room),
    system: (event, room) => this.#add(event, room),
    edited: (event, room) => this.#add(event, room),
    deleted: (event, room) => this.#add(event, room),
    presence: (message, room) => this.change(room, "people", (joined) => joined.applyPresence(message)),
    typing: (message, room) => this.change(room, "typing", (joined) => joined.setTyping(message)),
    read: (message, room) => this.change(room, "reads", (joined) => joined.setRead(message)),
    heartbeat: ({ heads = {} }) => this.#compare(heads),
  };

  /**
   * @param {Room | undefined} room Nothing happens unless it is joined.
   * @param {Part} part
   * @param {(room: Room) => void} act
   */
  change(room, part, act) {
    if (!room?.isJoined) return;
    act(room);
    this.#onChange(room, part);
  }

  /**
   * @param {import("./wire.js").ChatEvent} event
   * @param {Room | undefined} room
   */
  #add(event, room) {
    if (!room?.isJoined) return;
    this.eventAt = Date.now();
    const outcome = room.add(event);
    if (outcome === "new") this.#onChange(room, "messages");
    else if (outcome === "gap") this.#recover(room);
  }

  /** @param {Record<string, number>} heads The newest `seq` of each room. */
  #compare(heads) {
    for (const [name, head] of Object.entries(heads)) {
      const room = this.#rooms.get(name);
      if (room?.isJoined && head > room.cursor) this.#recover(room);
    }
  }

  /** @param {Room} room The server never skips an event, but one is missing: join again to get it. */
  #recover(room) {
    console.warn("events of a room are missing, joining it again:", room.name);
    room.disconnect();
    this.#onGap(room);
  }
}
