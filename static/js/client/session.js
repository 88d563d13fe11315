/**
 * One user's session over version 2 of the wire, without any view.
 *
 * Whatever happens on the network, the page has each room's history in order, without a gap and without
 * a repeat, and it sends each request until the server answers.
 */

import { Asks } from "./asks.js";
import { Connection } from "./connection.js";
import { nameKey } from "./names.js";
import { Outbox, TEMPORARY } from "./outbox.js";
import { Receipts } from "./receipts.js";
import { Room } from "./room.js";
import { Updates } from "./updates.js";
import { decode } from "./wire.js";

/** The number of older events in one page of history. */
const PAGE_EVENTS = 50;

/** The wait before the page repeats a request after a temporary error, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** @typedef {import("./types.js").User} User */
/** @typedef {import("./types.js").SessionListener} SessionListener */
/** @typedef {import("./types.js").ServerError} ServerError */

/** A session under one name, from joining to leaving. */
export class Session {
  #user;
  #name;
  #listener;
  #connection;
  #outbox;
  #receipts = new Receipts((room, seq) => this.#send({ type: "read", room, seq }));
  #asks = new Asks((command) => this.#send(command));
  #isIn = false;
  /** @type {NonNullable<User["sent"]>} */
  #sent;
  /** The last error of this connection. @type {ServerError | null} */
  #lastError = null;
  /** In the order of joining. @type {Map<string, Room>} */
  rooms = new Map();
  #updates = new Updates(
    this.rooms,
    (room, part) => this.#listener.onRoom?.(room, part),
    (room) => this.#rejoin(room.name),
  );
  /**
   * Whether a name is the user's own. Another window may have given it in another spelling.
   *
   * @param {string} name
   */
  isSelf = (name) => nameKey(name) === nameKey(this.#user.name);

  /**
   * @param {string} url
   * @param {User} user
   * @param {SessionListener} listener
   */
  constructor(url, user, listener) {
    this.#user = user;
    this.#name = user.name;
    this.#listener = listener;
    this.#sent = user.sent ?? new Set();
    for (const name of user.rooms) this.rooms.set(name, new Room(name, this.isSelf));
    this.#outbox = new Outbox(
      {
        send: ({ ref, type, room, id, message }) => this.#send({ type, room, id, message, ref }),
        isReady: (name) => this.rooms.get(name)?.isJoined ?? false,
        onChange: (requests) => listener.onUnsent?.(requests),
        onTimeout: () => this.#connection.reconnect(),
      },
      (user.unsent ?? []).filter(({ room }) => this.rooms.has(room)),
    );
    /** @type {ConstructorParameters<typeof Connection>[1]} */
    const handlers = {
      onOpen: () => this.#send(this.#hello()),
      onText: (text) => this.#receive(text),
      onState: (state) => this.#changeState(state),
      onProbe: () => this.#isIn && this.#asks.probe(), // Before that, the welcome is the answer.
    };
    this.#connection = new Connection(url, handlers, user.token);
  }

  /** The user's name, as the server shows it. */
  get name() {
    return this.#name;
  }

  /** Whether the server has accepted the user, on the present connection. */
  get isIn() {
    return this.#isIn;
  }

  /**
   * Whether the server lets the user edit and delete a message: with a token any own one, without one
   * those of this device.
   *
   * @param {{id?: string, username?: string}} message
   */
  mayEdit({ id = "", username = "" }) {
    if (!this.isSelf(username)) return false;
    return (this.#user.token ?? "") !== "" || this.#sent.has(id);
  }

  /** The requests without an answer, oldest first. */
  get requests() {
    return this.#outbox.requests;
  }

  join() {
    this.#connection.start();
  }

  /** Leave for good, and drop all unsent requests. */
  leave() {
    this.#outbox.discard(() => true);
    this.end();
  }

  /** Close the connection for good. The unsent requests stay where `onUnsent` stored them. */
  end() {
    this.#connection.stop();
  }

  /** End the wait before the next attempt. */
  retryNow() {
    this.#connection.retryNow();
  }

  /** Find out within seconds whether the connection works, and measure its round trip. */
  check() {
    this.#connection.check();
  }

  /** How the connection is, for a person who looks for a fault. */
  details() {
    const unansweredRequests = this.#outbox.requests.length;
    return { ...this.#connection.details(), unansweredRequests, eventAt: this.#updates.eventAt };
  }

  /**
   * Send a message, now or once the page is connected again.
   *
   * @param {Room} room
   * @param {string} message 1 to 4096 characters.
   */
  sendMessage(room, message) {
    this.#request(room, { type: "message", message });
  }

  /**
   * @param {Room} room
   * @param {string} id An own message.
   * @param {string} message The new text.
   */
  edit(room, id, message) {
    this.#outbox.discard((one) => one.id === id && one.state === "failed");
    this.#request(room, { type: "edit", id, message });
  }

  /**
   * @param {Room} room
   * @param {string} id An own message.
   */
  delete(room, id) {
    this.#outbox.discard((one) => one.id === id && one.state === "failed");
    this.#request(room, { type: "delete", id });
  }

  /**
   * @param {Room} room
   * @param {string} ref A failed request to send again.
   */
  retry(room, ref) {
    this.#outbox.retry(ref);
    this.#listener.onRoom?.(room, "messages");
  }

  /**
   * @param {Room} room
   * @param {string} ref A failed request to drop.
   */
  discard(room, ref) {
    this.#outbox.discard((one) => one.ref === ref);
    this.#listener.onRoom?.(room, "messages");
  }

  /**
   * @param {Room} room
   * @param {boolean} isTyping Dropped unless the room is joined.
   */
  sendTyping(room, isTyping) {
    if (room.isJoined) this.#send({ type: "typing", room: room.name, isTyping });
  }

  /**
   * @param {Room} room
   * @param {number} seq Everything up to it was on the screen.
   * @returns {boolean} Whether that is more than before.
   */
  markRead(room, seq) {
    if (seq <= room.read) return false;
    room.read = seq;
    if (room.isJoined) this.#receipts.add(room.name, seq);
    return true;
  }

  /** @param {string} name */
  joinRoom(name) {
    if (this.rooms.has(name)) return;
    this.rooms.set(name, new Room(name, this.isSelf));
    this.#rejoin(name);
  }

  /** @param {string} name */
  leaveRoom(name) {
    this.#sendLeave(name);
    this.#drop(name);
  }

  /** @param {Room} room Its reader approaches the oldest loaded message. */
  loadOlder(room) {
    if (!room.isJoined || room.isLoadingOlder || !room.timeline.hasOlder) return;
    room.isLoadingOlder = true;
    const before = room.timeline.floor;
    this.#asks.ask({ type: "history", room: room.name, before, limit: PAGE_EVENTS });
  }

  /** @param {string} token A new token for the same name. */
  refreshToken(token) {
    this.#connection.token = token;
    if (this.#isIn) this.#asks.ask({ type: "auth", token });
  }

  #hello() {
    const { name, device } = this.#user;
    const rooms = Object.fromEntries([...this.rooms.values()].map((room) => [room.name, room.since]));
    return { type: "hello", v: 2, username: name, device, rooms };
  }

  /** @param {Record<string, unknown>} command */
  #send(command) {
    this.#connection.send(JSON.stringify(command));
  }

  /** @param {string} ref */
  #proved(ref) {
    this.#asks.take(ref);
    if (this.#connection.answered()) this.#listener.onState?.({ name: "open" });
  }

  /**
   * @param {Room} room
   * @param {Pick<import("./outbox.js").Request, "type" | "message" | "id">} wanted
   */
  #request(room, wanted) {
    this.#outbox.add({ ...wanted, room: room.name, after: room.cursor });
    this.#listener.onRoom?.(room, "messages");
  }

  /** @param {string} name */
  #rejoin(name) {
    const room = this.rooms.get(name);
    if (this.#isIn && room?.isJoined === false) this.#asks.ask({ type: "join", room: name, ...room.since });
  }

  /** @param {import("./connection.js").ConnectionState} state */
  #changeState(state) {
    if (state.name === "offline") {
      this.#listener.onState?.(state);
      return;
    }
    if (state.name === "connecting") this.#lastError = null;
    // An open socket is no session yet: the server may still reject the name.
    this.#isIn = false;
    this.#asks.clear();
    this.#receipts.clear();
    this.#outbox.close();
    for (const room of this.rooms.values()) room.disconnect();
    this.#listener.onState?.(state.name === "open" ? { name: "connecting" } : state);
    if (state.name === "refused") {
      this.#listener.onRefused?.({ code: state.code, reason: state.reason, error: this.#lastError });
    }
  }

  /** @param {string} text */
  #receive(text) {
    const message = decode(text);
    if (message !== null && this.#asks.isProbe(message.ref)) this.#proved(message.ref);
    else if (message !== null) this.#handlers[message.type]?.(message, this.rooms.get(message.room));
  }

  /**
   * The handler of each type of message. It gets the message's room too, if the user is in that room.
   *
   * @type {Record<string, (message: any, room: Room | undefined) => void>}
   */
  #handlers = {
    ...this.#updates.handlers,
    welcome: (message) => this.#welcome(message),
    joined: (message, room) => this.#joined(message, room),
    history: (message, room) => this.#addOlder(message, room),
    ack: (message, room) => this.#acknowledge(message, room),
    error: (message) => this.#reject(message),
    auth: () => this.#listener.onTokenExpiring?.(true),
    reconnect: () => this.#connection.expectRestart(),
  };

  /** @param {{username: string, limits?: {ratePerSecond?: number}}} message */
  #welcome({ username, limits }) {
    this.#connection.answered();
    this.#isIn = true;
    this.#name = username;
    this.#listener.onState?.({ name: "open" });
    this.#outbox.open(limits?.ratePerSecond);
  }

  /**
   * @param {import("./wire.js").Joined} message
   * @param {Room | undefined} room
   */
  #joined(message, room) {
    this.#asks.take(message.ref);
    if (room === undefined) return; // The user left it in the meantime.
    const readHere = room.read;
    room.enter(message);
    if (room.replaced === "new-history") this.#receipts.drop(room.name);
    if (room.read > message.read) this.#receipts.add(room.name, readHere);
    for (const part of /** @type {const} */ (["messages", "people", "typing"])) this.#listener.onRoom?.(room, part);
    this.#outbox.sendNext();
  }

  /**
   * @param {{ref: string, history: import("./wire.js").ChatEvent[], more?: boolean}} message
   * @param {Room | undefined} room
   */
  #addOlder(message, room) {
    const command = this.#asks.take(message.ref);
    // The page replaced the history after this request, so the answer does not fit.
    if (command?.before !== room?.timeline.floor) return;
    this.#updates.change(room, "messages", (joined) => joined.addOlder(message));
  }

  /**
   * @param {{ref: string, id: string, seq: number}} ack
   * @param {Room | undefined} room
   */
  #acknowledge({ ref, id, seq }, room) {
    const command = this.#asks.take(ref);
    if (command?.type === "auth") this.#listener.onTokenExpiring?.(false);
    const request = this.#outbox.acknowledge(ref);
    if (request?.type === "message") this.#sent.add(id);
    if (request === undefined || room === undefined) return;
    room.acknowledge(request, id, seq);
    this.#listener.onRoom?.(room, "messages");
  }

  /** @param {{ref: string, code: string, message: string, room?: string, retryAfterMs?: number}} error */
  #reject({ ref, code, message, room: name, retryAfterMs = RETRY_AFTER_MS }) {
    const command = this.#asks.take(ref) ?? { type: "join", room: name };
    const request = this.#outbox.reject(ref, { code, message, retryAfterMs });
    const room = this.rooms.get(request?.room ?? command.room);
    if (request !== undefined) {
      if (room !== undefined) this.#listener.onRoom?.(room, "messages");
    } else if (TEMPORARY.has(code) && command.room !== undefined) {
      setTimeout(() => this.#repeat(command), retryAfterMs);
    } else {
      this.#lastError = { code, message };
      if (room?.isJoined === false) this.#drop(room.name);
      if (this.#isIn) this.#listener.onError?.(this.#lastError);
    }
  }

  /** @param {Record<string, any>} command */
  #repeat(command) {
    const room = this.rooms.get(command.room);
    if (command.type === "leave" && room === undefined) this.#sendLeave(command.room);
    if (room === undefined) return;
    if (command.type === "join") this.#rejoin(room.name);
    if (command.type !== "history") return;
    room.isLoadingOlder = false;
    this.#listener.onRoom?.(room, "messages");
  }

  /** @param {string} name */
  #drop(name) {
    this.rooms.delete(name);
    const dropped = this.#outbox.requests.filter(({ room }) => room === name);
    this.#outbox.discard(({ room }) => room === name);
    this.#listener.onRoomLost?.(name, dropped);
  }

  /** @param {string} name */
  #sendLeave(name) {
    if (this.#isIn) this.#asks.ask({ type: "leave", room: name });
  }
}
