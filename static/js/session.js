/**
 * One person's stay in the chat over a plain connection, without any view.
 *
 * Whatever happens on the wire, whoever listens sees for each connection: `onHistory` once, first;
 * then events, in order. A later version of the protocol replaces this file and `wire.js`.
 */

import { explainClose } from "./closing.js";
import { Connection } from "./connection.js";
import { decode, encodeMessage, encodeTyping, isLoggedEvent } from "./wire.js";

/**
 * @typedef {object} LoggedEvent
 * @property {"message" | "system"} type
 * @property {string} id Unique for ever.
 * @property {number} seq Its place in the room.
 * @property {string} [username] Who said it, where a message.
 * @property {string} message
 * @property {string} time `HH:MM:SS` on the server.
 * @property {number} ts Milliseconds since 1970, UTC.
 */

/**
 * @typedef {object} SessionListener
 * @property {(events: LoggedEvent[]) => void} onHistory What the log holds, oldest first.
 * @property {(event: LoggedEvent) => void} onEvent
 * @property {(username: string, isTyping: boolean) => void} onTyping
 * @property {(users: string[], count: number) => void} onPresence `count` may exceed the names.
 * @property {(text: string) => void} onWarning The server did not do what we asked.
 * @property {() => void} onJoined We are in; again after each reconnect.
 * @property {(state: import("./connection.js").ConnectionState) => void} onState `open` means in.
 * @property {(why: string, code: number) => void} onRefused We are out and stay out.
 */

/** A stay under one name, from joining to leaving. */
export class Session {
  #name;
  #listener;
  #connection;
  #isIn = false;
  #hasHistory = false;
  #complaint = "";

  /**
   * @param {string} url
   * @param {string} name
   * @param {SessionListener} listener
   * @param {string} [token] The proof of the name; empty for none.
   */
  constructor(url, name, listener, token = "") {
    this.#name = name;
    this.#listener = listener;
    const handlers = {
      onOpen: () => this.#connection.send(this.#name),
      onText: (text) => this.#receive(text),
      onState: (state) => this.#changeState(state),
    };
    this.#connection = new Connection(url, handlers, token);
  }

  /** Whether the room has let us in, and what is said now is sent at once. */
  get isIn() {
    return this.#isIn;
  }

  join() {
    this.#connection.start();
  }

  leave() {
    this.#connection.stop();
  }

  retryNow() {
    this.#connection.retryNow();
  }

  /**
   * @param {string} text 1 to 4096 characters.
   * @returns {boolean} False, and nothing sent, where we are not in.
   */
  say(text) {
    return this.#isIn && this.#connection.send(encodeMessage(text));
  }

  /** @param {boolean} isTyping Dropped where we are not in. */
  tellTyping(isTyping) {
    if (this.#isIn) this.#connection.send(encodeTyping(isTyping));
  }

  #changeState(state) {
    if (state.name === "connecting") {
      this.#hasHistory = false;
      this.#complaint = "";
    }
    this.#isIn = false;
    // An open socket is not yet a place in the room: the server may still refuse the name.
    this.#listener.onState(state.name === "open" ? { name: "connecting" } : state);
    if (state.name === "refused") {
      const why = this.#complaint || explainClose(state.code, state.reason);
      this.#listener.onRefused(why, state.code);
    }
  }

  #receive(text) {
    const frame = decode(text);
    if (frame === null || frame.type === "heartbeat") return;
    if (frame.type === "error" || (frame.type === "system" && !isLoggedEvent(frame))) {
      this.#complaint = frame.message;
      if (this.#isIn) this.#listener.onWarning(frame.message);
      return;
    }
    this.#deliverHistory(frame.type === "history" ? frame.history : []);
    if (isLoggedEvent(frame)) this.#listener.onEvent(frame);
    else if (frame.type === "typing") this.#listener.onTyping(frame.username, frame.isTyping);
    else if (frame.type === "presence") this.#presence(frame);
  }

  /** An empty log sends no history, so the first frame of any other kind stands for an empty one. */
  #deliverHistory(events) {
    if (this.#hasHistory) return;
    this.#hasHistory = true;
    this.#listener.onHistory(events);
  }

  /** The first presence ends the joining (PROTOCOL.md section 3). */
  #presence({ users, count }) {
    if (!this.#isIn) {
      this.#isIn = true;
      this.#listener.onState({ name: "open" });
      this.#listener.onJoined();
    }
    this.#listener.onPresence(users, Number.isInteger(count) ? count : users.length);
  }
}
