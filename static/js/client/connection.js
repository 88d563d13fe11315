/**
 * A WebSocket that reconnects.
 *
 * The rule of this file: at any moment it has at most one socket and at most one timer. It ignores the
 * events of an abandoned socket, so a late close never starts a second series of attempts.
 */

import { requiresToken, subprotocols } from "./auth.js";
import { backoffDelayMs, restartDelayMs } from "./backoff.js";
import { ABANDONED, ABNORMAL, DONE, FINAL, RESTART, TOKEN_REQUIRED } from "./closecodes.js";

/** An attempt without an answer ends after this. Browsers alone would wait for minutes. */
const CONNECT_TIMEOUT_MS = 10_000;

/** A connection open for this long counts as good, and the delays start again. A server that accepts and
 *  drops everybody at once must not meet a storm. */
const STABLE_AFTER_MS = 5_000;

/** How often a waiting connection reports the rest of the wait. */
const TICK_MS = 1_000;

/** For this long after an announced restart the page shows no alarm, in milliseconds. */
const QUIET_MS = 2_000;

/** Attempts in a row that end unopened at a ready server that requires tokens, until the page blames its
 *  token. The first may have met the end of a restart. */
const ATTEMPTS_WITH_TOKEN = 2;

/**
 * @typedef {object} Waiting
 * @property {"waiting"} name
 * @property {number} code Close code.
 * @property {string} reason The server's words in the close frame, may be empty.
 * @property {number} remainingMs The rest of the wait, in milliseconds.
 * @property {boolean} isQuiet No reason for an alarm yet.
 */

/**
 * @typedef {object} Refused
 * @property {"refused"} name
 * @property {number} code Close code; 401 if the server requires a token, or another one than ours.
 * @property {string} reason As in `Waiting`.
 */

/** @typedef {{name: "connecting" | "open" | "stopped"} | Waiting | Refused} ConnectionState */

/** Opens a WebSocket again and again, after growing delays, until it is stopped or refused. */
export class Connection {
  #url;
  #handlers;
  #token;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {number | undefined} */
  #timer;
  #failures = 0;
  #openedAt = Number.POSITIVE_INFINITY;
  #running = false;
  #wasOpen = false;
  #unopened = 0;
  #isRestarting = false;
  #quietUntil = 0;
  #receivedAt = 0;
  #silenceLimitMs = Number.POSITIVE_INFINITY;
  #retryWhenOnline = () => this.retryNow();

  /**
   * @param {string} url A `ws:` or `wss:` URL.
   * @param {object} handlers
   * @param {() => void} handlers.onOpen Called each time a socket opens.
   * @param {(text: string) => void} handlers.onText Called with each text frame.
   * @param {(state: ConnectionState) => void} handlers.onState Called on each change and each tick of a
   *   wait.
   * @param {string} [token] Offered at each attempt; empty for none.
   */
  constructor(url, handlers, token = "") {
    this.#url = url;
    this.#handlers = handlers;
    this.#token = token;
  }

  /** Connect, and stay connected. Does nothing if already started. */
  start() {
    if (this.#running) return;
    this.#running = true;
    this.#failures = 0;
    this.#unopened = 0;
    globalThis.addEventListener?.("online", this.#retryWhenOnline);
    this.#connect();
  }

  /** Close for good, with code 1000. Afterwards only `onState` is called, once. */
  stop() {
    if (!this.#running) return;
    this.#end({ name: "stopped" });
  }

  /** @param {string} token Offered from the next attempt on. */
  set token(token) {
    this.#token = token;
  }

  /** The server announced that it will close the connection to restart. */
  expectRestart() {
    this.#isRestarting = true;
  }

  /**
   * Abandon this socket once it has been silent for a time.
   *
   * @param {number} limitMs
   */
  limitSilence(limitMs) {
    this.#silenceLimitMs = limitMs;
    this.#checkSilence();
  }

  /** Abandon a socket that no longer answers, and open another. */
  reconnect() {
    if (this.#running && this.#socket !== null) this.#lost(ABNORMAL, "no answer in time");
  }

  /** End a wait now. Does nothing while a socket exists. */
  retryNow() {
    if (this.#running && this.#socket === null) this.#connect();
  }

  /**
   * Send a text frame.
   *
   * @param {string} text
   * @returns {boolean} False if the socket is not open; then nothing was sent.
   */
  send(text) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  #connect() {
    const socket = new WebSocket(this.#url, subprotocols(this.#token));
    this.#socket = socket;
    const isCurrent = () => this.#socket === socket;
    socket.addEventListener("open", () => isCurrent() && this.#opened());
    socket.addEventListener("message", ({ data }) => isCurrent() && this.#received(data));
    socket.addEventListener("close", ({ code, reason }) => {
      if (!isCurrent()) return;
      const isUnopened = this.#openedAt === Number.POSITIVE_INFINITY;
      this.#lost(code, reason);
      if (isUnopened) this.#checkForRefusal();
    });
    this.#arm(CONNECT_TIMEOUT_MS, () => this.#lost(ABNORMAL, "no answer in time"));
    this.#handlers.onState({ name: "connecting" });
  }

  #opened() {
    this.#disarm();
    this.#openedAt = performance.now();
    this.#silenceLimitMs = Number.POSITIVE_INFINITY;
    this.#wasOpen = true;
    this.#unopened = 0;
    this.#handlers.onState({ name: "open" });
    this.#handlers.onOpen();
  }

  /** A hidden tab's timers come late, so compare with the time of the last frame. */
  #checkSilence() {
    const remainingMs = this.#receivedAt + this.#silenceLimitMs - performance.now();
    if (remainingMs <= 0) this.#lost(ABNORMAL, "silent for too long");
    else this.#arm(remainingMs, () => this.#checkSilence());
  }

  /** @param {unknown} data */
  #received(data) {
    this.#receivedAt = performance.now();
    if (typeof data === "string") this.#handlers.onText(data);
    else console.warn("a binary frame was ignored");
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    if (FINAL.has(code)) {
      this.#end({ name: "refused", code, reason });
      return;
    }
    this.#abandon(ABANDONED);
    const isRestart = code === RESTART || this.#isRestarting;
    this.#isRestarting = false;
    // Nodes may restart one after the other, so a restart says nothing against the next node.
    const wasStable = performance.now() - this.#openedAt >= STABLE_AFTER_MS;
    if (isRestart || wasStable) this.#failures = 0;
    this.#openedAt = Number.POSITIVE_INFINITY;
    const isQuiet = isRestart && performance.now() >= this.#quietUntil;
    const delayMs = isQuiet ? this.#quietDelayMs() : this.#countedDelayMs();
    this.#wait(performance.now() + delayMs, { code, reason });
  }

  /** The first attempt comes so early that it may meet no server, so it does not count. */
  #quietDelayMs() {
    this.#quietUntil = performance.now() + QUIET_MS;
    return restartDelayMs(Math.random());
  }

  #countedDelayMs() {
    const delayMs = backoffDelayMs(Math.random(), this.#failures);
    this.#failures += 1;
    return delayMs;
  }

  /** A browser reports a refused handshake and a missing server alike, so ask the server. */
  async #checkForRefusal() {
    if (this.#wasOpen && this.#token === "") return; // It accepted us without a token: it is just away.
    const failures = this.#failures;
    const isRefused = await requiresToken(this.#url);
    if (!this.#running || this.#socket !== null || this.#failures !== failures) return;
    this.#unopened = isRefused ? this.#unopened + 1 : 0;
    const limit = this.#token === "" ? 1 : ATTEMPTS_WITH_TOKEN;
    if (this.#unopened >= limit) this.#end({ name: "refused", code: TOKEN_REQUIRED, reason: "" });
  }

  /**
   * @param {number} until
   * @param {{code: number, reason: string}} cause
   */
  #wait(until, cause) {
    const remainingMs = until - performance.now();
    if (remainingMs <= 0) {
      this.#connect();
      return;
    }
    this.#arm(remainingMs % TICK_MS || TICK_MS, () => this.#wait(until, cause));
    const isQuiet = performance.now() < this.#quietUntil;
    this.#handlers.onState({ name: "waiting", ...cause, remainingMs, isQuiet });
  }

  /** @param {ConnectionState} state */
  #end(state) {
    this.#running = false;
    globalThis.removeEventListener?.("online", this.#retryWhenOnline);
    this.#abandon(DONE);
    this.#handlers.onState(state);
  }

  /** @param {number} code */
  #abandon(code) {
    this.#disarm();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
  }

  /**
   * @param {number} delayMs
   * @param {() => void} act
   */
  #arm(delayMs, act) {
    this.#disarm();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      act();
    }, delayMs);
  }

  #disarm() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/**
 * The WebSocket URL of a path on a server.
 *
 * @param {string} path Such as `/ws`.
 * @param {string} base The address of any page of that server.
 * @returns {string} `wss:` for a server over TLS, else `ws:`.
 */
export function socketUrl(path, base) {
  const url = new URL(path, base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
