/**
 * A WebSocket that comes back.
 *
 * The law of this file: at any moment there is at most one socket and at most one timer. Events of
 * an abandoned socket are dropped, so a late close never starts a second round of tries.
 */

import { backoffDelayMs, restartDelayMs } from "./backoff.js";
import { asksForToken, NEEDS_TOKEN, subprotocols } from "./login.js";

/** A try that has no answer after this is given up; browsers alone would wait for minutes. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Open for at least this long, a connection counts as good and the delays begin anew; a server
 *  that takes and drops everybody at once is not to be hammered. */
const STABLE_AFTER_MS = 5_000;

/** How often a waiting connection tells how long it still waits. */
const TICK_MS = 1_000;

/** Close code of the browser's own for a connection that ended without a close frame. */
export const ABNORMAL = 1006;

/** Close code of a server that restarts: it, or another in its place, is there again in a moment. */
const RESTART = 1012;

/** A restart that was announced is no cause for alarm for so long, in milliseconds. */
const CALM_MS = 2_000;

/** Close code of our own for a connection given up. Not 1000: that would be leaving. */
const GIVEN_UP = 3001;

/** After these close codes a new try would only be refused again (docs/reference/wire.md). After 4010
 *  one may come back, but with a fresh token, and whoever has this page open has to bring it. */
const DO_NOT_COME_BACK = new Set([4010, 4500, 4501, 4504]);

/** Tries in a row that end unopened, at a server that is ready and asks for tokens, until ours is taken
 *  to be the reason. One is not enough: it may have met the end of a restart. */
const TRIES_WITH_TOKEN = 2;

/**
 * What a connection is doing.
 *
 * @typedef {object} ConnectionState
 * @property {"connecting" | "open" | "waiting" | "refused" | "stopped"} name
 * @property {number} [code] Close code, where `waiting` or `refused`; 401 where no socket opened, as
 *   the server wants a token, or another one than ours.
 * @property {string} [reason] The server's words in the close frame, may be empty.
 * @property {number} [remainingMs] How long it still waits, in milliseconds, where `waiting`.
 * @property {boolean} [isPassing] No cause for alarm yet, where `waiting`.
 */

/** A WebSocket that is opened anew, after growing delays, until it is stopped or refused. */
export class Connection {
  #url;
  #handlers;
  #token;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {number | null} */
  #timer = null;
  #failures = 0;
  #openedAt = Number.POSITIVE_INFINITY;
  #running = false;
  #wasOpen = false;
  #unopened = 0;
  #isRestarting = false;
  #calmUntil = 0;
  #heardAt = 0;
  #patienceMs = Number.POSITIVE_INFINITY;
  #retryWhenOnline = () => this.retryNow();

  /**
   * @param {string} url A `ws:` or `wss:` URL.
   * @param {object} handlers
   * @param {() => void} handlers.onOpen Each time a socket has opened.
   * @param {(text: string) => void} handlers.onText A text frame came.
   * @param {(state: ConnectionState) => void} handlers.onState Each change, and each tick of a wait.
   * @param {string} [token] Offered at each try; empty for none.
   */
  constructor(url, handlers, token = "") {
    this.#url = url;
    this.#handlers = handlers;
    this.#token = token;
  }

  /** Connect, and from then on stay connected. Does nothing while already at it. */
  start() {
    if (this.#running) return;
    this.#running = true;
    this.#failures = 0;
    this.#unopened = 0;
    globalThis.addEventListener("online", this.#retryWhenOnline);
    this.#connect();
  }

  /** Close for good, with code 1000; nothing is called afterwards but `onState`, once. */
  stop() {
    if (!this.#running) return;
    this.#end({ name: "stopped" });
  }

  /** @param {string} token What to offer from the next try on. */
  set token(token) {
    this.#token = token;
  }

  /** The server has said that it will close the connection to restart. */
  expectRestart() {
    this.#isRestarting = true;
  }

  /**
   * Give this socket up when nothing has come over it for so long.
   *
   * @param {number} silenceMs
   */
  giveUpAfter(silenceMs) {
    this.#patienceMs = silenceMs;
    this.#listen();
  }

  /** Give the socket up, as nothing comes over it any more, and open another. */
  renew() {
    if (this.#running && this.#socket !== null) this.#lost(ABNORMAL, "no answer in time");
  }

  /** Cut a wait short. Does nothing while there is a socket. */
  retryNow() {
    if (this.#running && this.#socket === null) this.#connect();
  }

  /**
   * Send a text frame.
   *
   * @param {string} text
   * @returns {boolean} False, and nothing sent, where the socket is not open.
   */
  send(text) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  #connect() {
    const socket = new WebSocket(this.#url, subprotocols(this.#token));
    this.#socket = socket;
    const listen = (type, handle) =>
      socket.addEventListener(type, (event) => {
        if (this.#socket === socket) handle(event);
      });
    listen("open", () => this.#opened());
    listen("message", (event) => this.#received(event.data));
    listen("close", (event) => {
      const isUnopened = this.#openedAt === Number.POSITIVE_INFINITY;
      this.#lost(event.code, event.reason);
      if (isUnopened) this.#findOutWhy();
    });
    this.#arm(CONNECT_TIMEOUT_MS, () => this.#lost(ABNORMAL, "no answer in time"));
    this.#handlers.onState({ name: "connecting" });
  }

  #opened() {
    this.#disarm();
    this.#openedAt = performance.now();
    this.#patienceMs = Number.POSITIVE_INFINITY;
    this.#wasOpen = true;
    this.#unopened = 0;
    this.#handlers.onState({ name: "open" });
    this.#handlers.onOpen();
  }

  /** A timer that comes late, as in a hidden tab, looks at when something was heard all the same. */
  #listen() {
    const remainingMs = this.#heardAt + this.#patienceMs - performance.now();
    if (remainingMs <= 0) this.#lost(ABNORMAL, "no sign of life");
    else this.#arm(remainingMs, () => this.#listen());
  }

  #received(data) {
    this.#heardAt = performance.now();
    if (typeof data === "string") this.#handlers.onText(data);
    else console.warn("a binary frame was ignored");
  }

  #lost(code, reason) {
    if (DO_NOT_COME_BACK.has(code)) {
      this.#end({ name: "refused", code, reason });
      return;
    }
    this.#abandon(GIVEN_UP);
    const isRestart = code === RESTART || this.#isRestarting;
    this.#isRestarting = false;
    // Nodes may restart one after the other, so a restart says nothing against the next node.
    const wasStable = performance.now() - this.#openedAt >= STABLE_AFTER_MS;
    if (isRestart || wasStable) this.#failures = 0;
    this.#openedAt = Number.POSITIVE_INFINITY;
    const isCalm = isRestart && performance.now() >= this.#calmUntil;
    const delayMs = isCalm ? this.#calmDelayMs() : this.#countedDelayMs();
    this.#wait(performance.now() + delayMs, { code, reason });
  }

  /** The first try comes so early that it may well meet nobody, so it does not count. */
  #calmDelayMs() {
    this.#calmUntil = performance.now() + CALM_MS;
    return restartDelayMs(Math.random());
  }

  #countedDelayMs() {
    const delayMs = backoffDelayMs(Math.random(), this.#failures);
    this.#failures += 1;
    return delayMs;
  }

  /** A browser does not tell a refused handshake from a server that is gone, so the server is asked. */
  async #findOutWhy() {
    if (this.#wasOpen && this.#token === "") return; // It has let us in like this: it is just gone.
    const tries = this.#failures;
    const isRefused = await asksForToken();
    if (!this.#running || this.#socket !== null || this.#failures !== tries) return;
    this.#unopened = isRefused ? this.#unopened + 1 : 0;
    const enough = this.#token === "" ? 1 : TRIES_WITH_TOKEN;
    if (this.#unopened >= enough) this.#end({ name: "refused", code: NEEDS_TOKEN, reason: "" });
  }

  #wait(until, why) {
    const remainingMs = until - performance.now();
    if (remainingMs <= 0) {
      this.#connect();
      return;
    }
    this.#arm(remainingMs % TICK_MS || TICK_MS, () => this.#wait(until, why));
    this.#handlers.onState({ name: "waiting", ...why, remainingMs, isPassing: performance.now() < this.#calmUntil });
  }

  #end(state) {
    this.#running = false;
    globalThis.removeEventListener("online", this.#retryWhenOnline);
    this.#abandon(1000);
    this.#handlers.onState(state);
  }

  #abandon(code) {
    this.#disarm();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
  }

  #arm(delayMs, act) {
    this.#disarm();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      act();
    }, delayMs);
  }

  #disarm() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/**
 * The WebSocket URL of a path on the server this page came from.
 *
 * @param {string} path Such as `/ws`.
 * @returns {string} `wss:` where the page came over TLS, else `ws:`.
 */
export function socketUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
