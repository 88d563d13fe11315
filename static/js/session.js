/**
 * One person's stay in the chat over version 2 of the wire, without any view.
 *
 * Whatever happens on the wire, each room's log is known here in order, without a gap and without a
 * repeat, and what this person has asked for is asked until it is answered.
 */

import { explainClose } from "./closing.js";
import { Connection } from "./connection.js";
import { newRef, Outbox, PASSING } from "./outbox.js";
import { Receipts } from "./receipts.js";
import { Room } from "./room.js";
import { decode } from "./wire.js";

/** Older events that are asked for at once. */
const PAGE_EVENTS = 50;

/** The wait before what the server could not do is asked for again, in milliseconds. */
const ASK_AGAIN_AFTER_MS = 1_000;

/** A socket over which nothing has come for so many heartbeats is dead, and does not know it: one of
 *  them may be late. */
const PATIENCE_BEATS = 2.5;

/** And no socket is given up sooner than that, in milliseconds. */
const LEAST_PATIENCE_MS = 30_000;

/**
 * @typedef {object} SessionListener
 * @property {(state: import("./connection.js").ConnectionState) => void} onState `open` means in.
 * @property {(room: Room, what: "log" | "people" | "typing") => void} onRoom It changed.
 * @property {(name: string) => void} onRoomLost A room that could not be joined, or is left.
 * @property {(requests: import("./outbox.js").Request[]) => void} onUnsent To be kept.
 * @property {(text: string) => void} onTrouble The server did not do what we asked.
 * @property {(isEnding: boolean) => void} onTokenEnding The token ends soon; or no longer.
 * @property {(why: string, code: number) => void} onRefused We are out and stay out.
 */

/** A stay under one name, from joining to leaving. */
export class Session {
  #who;
  #name;
  #isSelf;
  #listener;
  #connection;
  #outbox;
  #receipts = new Receipts((room, seq) => this.#command({ type: "read", room, seq }));
  /** What was asked on this connection beside the outbox, by its ref. */
  #asked = new Map();
  #isIn = false;
  #beatAt = 0;
  #complaint = "";
  /** In the order in which they were joined. @type {Map<string, Room>} */
  rooms = new Map();

  /**
   * @param {string} url
   * @param {object} who
   * @param {string} who.name
   * @param {string} who.device
   * @param {string} who.token The proof of the name; empty for none.
   * @param {string[]} who.rooms Where to be.
   * @param {import("./outbox.js").Request[]} who.unsent What is still to be sent.
   * @param {(name: string) => boolean} isSelf
   * @param {SessionListener} listener
   */
  constructor(url, who, isSelf, listener) {
    this.#who = who;
    this.#name = who.name;
    this.#isSelf = isSelf;
    this.#listener = listener;
    for (const name of who.rooms) this.rooms.set(name, new Room(name, isSelf));
    this.#outbox = new Outbox(
      {
        send: (request) => this.#command(commandOf(request)),
        isReady: (name) => this.rooms.get(name)?.isJoined ?? false,
        onChange: (requests) => listener.onUnsent(requests),
        onSilence: () => this.#connection.renew(),
      },
      who.unsent.filter(({ room }) => this.rooms.has(room)),
    );
    const handlers = {
      onOpen: () => this.#connection.send(JSON.stringify(this.#hello())),
      onText: (text) => this.#receive(text),
      onState: (state) => this.#changeState(state),
    };
    this.#connection = new Connection(url, handlers, who.token);
  }

  /** Our name, as the server shows it. */
  get name() {
    return this.#name;
  }

  /** Whether the server has let us in. */
  get isIn() {
    return this.#isIn;
  }

  get requests() {
    return this.#outbox.requests;
  }

  join() {
    this.#connection.start();
  }

  /** Leave for good, with all that is unsent. */
  leave() {
    this.#outbox.discard(() => true);
    this.#connection.stop();
  }

  retryNow() {
    this.#connection.retryNow();
  }

  /**
   * Say something in a room; now, or as soon as the connection is back.
   *
   * @param {Room} room
   * @param {string} message 1 to 4096 characters.
   */
  say(room, message) {
    this.#ask(room, { type: "message", message });
  }

  /**
   * @param {Room} room
   * @param {string} id Of an own message.
   * @param {string} message The new text.
   */
  edit(room, id, message) {
    this.#outbox.discard((one) => one.id === id && one.state === "failed");
    this.#ask(room, { type: "edit", id, message });
  }

  /**
   * @param {Room} room
   * @param {string} id Of an own message.
   */
  delete(room, id) {
    this.#outbox.discard((one) => one.id === id && one.state === "failed");
    this.#ask(room, { type: "delete", id });
  }

  /**
   * @param {Room} room
   * @param {string} ref Of a failed request.
   */
  retry(room, ref) {
    this.#outbox.retry(ref);
    this.#listener.onRoom(room, "log");
  }

  /**
   * @param {Room} room
   * @param {string} ref Of a failed request.
   */
  discard(room, ref) {
    this.#outbox.discard((one) => one.ref === ref);
    this.#listener.onRoom(room, "log");
  }

  /**
   * @param {Room} room
   * @param {boolean} isTyping Dropped where we are not in.
   */
  tellTyping(room, isTyping) {
    if (room.isJoined) this.#command({ type: "typing", room: room.name, isTyping });
  }

  /**
   * @param {Room} room
   * @param {number} seq Everything up to it has been on the screen.
   * @returns {boolean} Whether that is more than before.
   */
  tellRead(room, seq) {
    if (seq <= room.read) return false;
    room.read = seq;
    if (room.isJoined) this.#receipts.add(room.name, seq);
    return true;
  }

  /** @param {string} name Of a room to be in from now on. */
  joinRoom(name) {
    if (this.rooms.has(name)) return;
    this.rooms.set(name, new Room(name, this.#isSelf));
    this.#rejoin(name);
  }

  /** @param {string} name Of a room to be in no longer. */
  leaveRoom(name) {
    this.#askToLeave(name);
    this.#drop(name);
  }

  /** @param {Room} room Of which the reader wants to see what is older. */
  loadOlder(room) {
    if (!room.isJoined || room.isLoadingOlder || !room.timeline.hasOlder) return;
    room.isLoadingOlder = true;
    const before = room.timeline.floor;
    this.#question({ type: "history", room: room.name, before, limit: PAGE_EVENTS });
  }

  /** @param {string} token A fresh one for the same name. */
  refreshToken(token) {
    this.#connection.token = token;
    if (this.#isIn) this.#question({ type: "auth", token });
  }

  #hello() {
    const { name, device } = this.#who;
    const rooms = Object.fromEntries([...this.rooms.values()].map((room) => [room.name, room.since]));
    return { type: "hello", v: 2, username: name, device, rooms };
  }

  #command(frame) {
    this.#connection.send(JSON.stringify(frame));
  }

  #question(frame) {
    const ref = newRef();
    this.#asked.set(ref, frame);
    this.#command({ ...frame, ref });
  }

  #ask(room, wanted) {
    this.#outbox.add({ ...wanted, room: room.name, after: room.cursor });
    this.#listener.onRoom(room, "log");
  }

  #rejoin(name) {
    const room = this.rooms.get(name);
    if (this.#isIn && room?.isJoined === false) this.#question({ type: "join", room: name, ...room.since });
  }

  #changeState(state) {
    if (state.name === "connecting") this.#complaint = "";
    // An open socket is not yet a place in the chat: the server may still refuse the name.
    this.#isIn = false;
    this.#asked.clear();
    this.#receipts.clear();
    this.#outbox.close();
    for (const room of this.rooms.values()) room.lose();
    this.#listener.onState(state.name === "open" ? { name: "connecting" } : state);
    if (state.name === "refused") {
      const why = this.#complaint || explainClose(state.code, state.reason);
      this.#listener.onRefused(why, state.code);
    }
  }

  #receive(text) {
    const frame = decode(text);
    if (frame !== null) this.#handlers[frame.type]?.(frame, this.rooms.get(frame.room));
  }

  /** What is done with each type of frame, and with the room it is about, if we are in it. */
  #handlers = {
    welcome: (frame) => this.#welcomed(frame),
    joined: (frame, room) => this.#joined(frame, room),
    message: (event, room) => this.#happened(event, room),
    system: (event, room) => this.#happened(event, room),
    edited: (event, room) => this.#happened(event, room),
    deleted: (event, room) => this.#happened(event, room),
    history: (frame, room) => this.#showOlder(frame, room),
    presence: (frame, room) => this.#changed(room, "people", () => room.change(frame)),
    typing: (frame, room) => this.#changed(room, "typing", () => room.setTyping(frame)),
    read: (frame, room) => this.#changed(room, "log", () => room.setRead(frame)),
    ack: (frame, room) => this.#acknowledged(frame, room),
    error: (frame) => this.#refused(frame),
    heartbeat: ({ heads = {} }) => {
      this.#beat();
      this.#compare(heads);
    },
    auth: () => this.#listener.onTokenEnding(true),
    reconnect: () => this.#connection.expectRestart(),
  };

  /** The server says how often it gives a sign of life by doing it. */
  #beat() {
    const now = performance.now();
    this.#connection.giveUpAfter(Math.max(LEAST_PATIENCE_MS, PATIENCE_BEATS * (now - this.#beatAt)));
    this.#beatAt = now;
  }

  #welcomed({ username, limits }) {
    this.#beatAt = performance.now();
    this.#isIn = true;
    this.#name = username;
    this.#listener.onState({ name: "open" });
    this.#outbox.open(limits?.ratePerSecond);
  }

  #joined(frame, room) {
    this.#asked.delete(frame.ref);
    if (room === undefined) return; // Left again in the meantime.
    const readHere = room.read;
    room.enter(frame);
    if (room.replaced === "new-log") this.#receipts.drop(room.name);
    if (room.read > frame.read) this.#receipts.add(room.name, readHere);
    for (const what of ["log", "people", "typing"]) this.#listener.onRoom(room, what);
    this.#outbox.pump();
  }

  #happened(event, room) {
    if (!room?.isJoined) return;
    const outcome = room.add(event);
    if (outcome === "new") this.#listener.onRoom(room, "log");
    else if (outcome === "gap") this.#heal(room);
  }

  /** Something is missing, which the server never lets happen: ask for it before going on. */
  #heal(room) {
    console.warn("events of a room are missing and asked for again:", room.name);
    room.lose();
    this.#rejoin(room.name);
  }

  #compare(heads) {
    for (const [name, head] of Object.entries(heads)) {
      const room = this.rooms.get(name);
      if (room?.isJoined && head > room.cursor) this.#heal(room);
    }
  }

  #showOlder(frame, room) {
    const asked = this.#asked.get(frame.ref);
    this.#asked.delete(frame.ref);
    // A page that was asked for before the log was shown anew does not meet it.
    if (asked?.before !== room?.timeline.floor) return;
    this.#changed(room, "log", () => room.addOlder(frame));
  }

  #changed(room, what, change) {
    if (!room?.isJoined) return;
    change();
    this.#listener.onRoom(room, what);
  }

  #acknowledged({ ref, id, seq }, room) {
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    if (asked?.type === "auth") this.#listener.onTokenEnding(false);
    const request = this.#outbox.settle(ref);
    if (request === undefined || room === undefined) return;
    room.settle(request, id, seq);
    this.#listener.onRoom(room, "log");
  }

  #refused({ ref, code, message, room: name, retryAfterMs = ASK_AGAIN_AFTER_MS }) {
    const asked = this.#asked.get(ref) ?? { type: "join", room: name };
    this.#asked.delete(ref);
    const request = this.#outbox.refuse(ref, { code, message, retryAfterMs });
    const room = this.rooms.get(request?.room ?? asked.room);
    if (request !== undefined) {
      if (room !== undefined) this.#listener.onRoom(room, "log");
    } else if (PASSING.has(code) && asked.room !== undefined) {
      setTimeout(() => this.#askAgain(asked), retryAfterMs);
    } else {
      this.#complaint = message;
      if (room?.isJoined === false) this.#drop(room.name);
      if (this.#isIn) this.#listener.onTrouble(message);
    }
  }

  #askAgain(asked) {
    const room = this.rooms.get(asked.room);
    if (asked.type === "leave" && room === undefined) this.#askToLeave(asked.room);
    if (room === undefined) return;
    if (asked.type === "join") this.#rejoin(room.name);
    if (asked.type !== "history") return;
    room.isLoadingOlder = false;
    this.#listener.onRoom(room, "log");
  }

  #drop(name) {
    this.rooms.delete(name);
    this.#outbox.discard(({ room }) => room === name);
    this.#listener.onRoomLost(name);
  }

  #askToLeave(name) {
    if (this.#isIn) this.#question({ type: "leave", room: name });
  }
}

function commandOf({ ref, type, room, id, message }) {
  return { type, room, id, message, ref };
}
