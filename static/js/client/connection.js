/**
 * A WebSocket that reconnects.
 *
 * The rules of this file: at any moment it has at most one socket and at most one timer. It ignores the
 * events of an abandoned socket, so a late close never starts a second series of attempts. A silent
 * socket may be dead, so after each sign of that the server must answer a probe. Nothing but a missing
 * answer ends an open socket.
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

/** How often an open connection looks at the clock, so that it notices a sleep soon after waking. */
const WATCH_MS = 4_000;

/** The server must answer a probe within this time. After a wake the whole check takes under 12 s. */
const PROBE_TIMEOUT_MS = 5_000;

/** An answer this fresh proves the line. The events of one wake come together and need one probe. */
const FRESH_MS = 1_000;

/** A socket silent for this long is probed. The server sends a heartbeat every 60 s. */
const SILENCE_MS = 75_000;

/** A timer later than this by the wall clock, beyond the usual, means that the machine slept. */
const LATE_MS = 5_000;

/** The events after which a socket may be dead without a close. */
const WAKING = ["online", "visibilitychange", "focus", "pageshow", "resume"];

/** A window sees the events of its document on their way down. The focus of an element is none of them.
 *
 *  @param {string} type */
const capture = (type) => type !== "focus";

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

/**
 * `offline`: the browser reports no network. The socket is open, and a probe is on its way.
 *
 * @typedef {{name: "connecting" | "open" | "offline" | "stopped"} | Waiting | Refused} ConnectionState
 */

/**
 * @typedef {object} ConnectionDetails
 * @property {number | null} roundTripMs Of the last answered probe.
 * @property {number | null} receivedAt When the last frame came, in milliseconds since 1970.
 * @property {number | null} openedAt When the present socket opened, likewise; null if it is not open.
 * @property {number} unsentBytes Bytes that wait in the socket.
 * @property {number} attempts Failed attempts in a row.
 * @property {number | null} closeCode Of the last lost connection.
 */

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
  #connectUntil = 0;
  #probedAt = 0;
  #probeUntil = Number.POSITIVE_INFINITY;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #usualLateMs = 0;
  #isOffline = false;
  /** @type {ConnectionDetails} */
  #details = { roundTripMs: null, receivedAt: null, openedAt: null, unsentBytes: 0, attempts: 0, closeCode: null };
  #check = () => this.check();
  #goOffline = () => this.#wentOffline();

  /**
   * @param {string} url A `ws:` or `wss:` URL.
   * @param {object} handlers
   * @param {() => void} handlers.onOpen Called each time a socket opens.
   * @param {(text: string) => void} handlers.onText Called with each text frame.
   * @param {(state: ConnectionState) => void} handlers.onState Called on each change and each tick of a
   *   wait.
   * @param {() => void} [handlers.onProbe] Sends something that the server answers, and calls `answered`
   *   after the answer. Without it a silent socket counts as good.
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
    for (const type of WAKING) globalThis.addEventListener?.(type, this.#check, capture(type));
    globalThis.addEventListener?.("offline", this.#goOffline);
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

  /** The machine may have slept, or may have another network: probe the socket, or end a wait. */
  check() {
    if (!this.#running) return;
    this.#failures = 0;
    if (this.#socket === null) {
      this.#connect();
    } else if (this.#socket.readyState === WebSocket.OPEN) {
      if (Math.abs(Date.now() - this.#answeredAt) >= FRESH_MS) this.#probe();
    } else {
      this.#connectUntil = Math.min(this.#connectUntil, performance.now() + PROBE_TIMEOUT_MS);
      this.#awaitOpen();
    }
  }

  /**
   * The server answered on this socket: the line is good.
   *
   * @returns {boolean} Whether the browser had reported that it is offline.
   */
  answered() {
    const now = performance.now();
    if (this.#probeUntil !== Number.POSITIVE_INFINITY) this.#details.roundTripMs = now - this.#probedAt;
    this.#probeUntil = Number.POSITIVE_INFINITY;
    this.#answeredAt = Date.now(); // During a sleep only this clock goes on.
    const wasOffline = this.#isOffline;
    this.#isOffline = false;
    return wasOffline;
  }

  /** @returns {ConnectionDetails} */
  details() {
    return { ...this.#details, unsentBytes: this.#socket?.bufferedAmount ?? 0, attempts: this.#failures };
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
    this.#connectUntil = performance.now() + CONNECT_TIMEOUT_MS;
    this.#awaitOpen();
    this.#handlers.onState({ name: "connecting" });
  }

  #awaitOpen() {
    this.#arm(this.#connectUntil - performance.now(), () => this.#lost(ABNORMAL, "no answer in time"));
  }

  #opened() {
    this.#openedAt = performance.now();
    this.#receivedAt = this.#openedAt;
    this.#details.openedAt = Date.now();
    if (this.#handlers.onProbe !== undefined) this.#watch();
    else this.#disarm();
    this.#wasOpen = true;
    this.#unopened = 0;
    this.#handlers.onState({ name: "open" });
    this.#handlers.onOpen();
  }

  /** Look after an open socket, every few seconds and at the end of a probe. */
  #watch() {
    const now = performance.now();
    if (now >= this.#probeUntil) {
      this.#lost(ABNORMAL, "no answer in time");
      return;
    }
    this.#arm(Math.min(WATCH_MS, this.#probeUntil - now), () => this.#watch());
    if (now - this.#receivedAt >= SILENCE_MS) this.#probe();
  }

  #probe() {
    if (this.#handlers.onProbe === undefined || this.#probeUntil !== Number.POSITIVE_INFINITY) return;
    this.#probedAt = performance.now();
    this.#probeUntil = this.#probedAt + PROBE_TIMEOUT_MS;
    this.#watch();
    this.#handlers.onProbe();
  }

  #wentOffline() {
    if (!this.#running || this.#handlers.onProbe === undefined) return;
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#isOffline = true;
    this.#handlers.onState({ name: "offline" });
    this.#probe();
  }

  /** @param {unknown} data */
  #received(data) {
    this.#receivedAt = performance.now();
    this.#details.receivedAt = Date.now();
    // A frame may be from before a sleep, so it is no answer. But the answer may come after many frames.
    if (this.#probeUntil !== Number.POSITIVE_INFINITY) this.#probeUntil = this.#receivedAt + PROBE_TIMEOUT_MS;
    if (typeof data === "string") this.#handlers.onText(data);
    else console.warn("a binary frame was ignored");
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    this.#details.closeCode = code;
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
    for (const type of WAKING) globalThis.removeEventListener?.(type, this.#check, capture(type));
    globalThis.removeEventListener?.("offline", this.#goOffline);
    this.#abandon(DONE);
    this.#handlers.onState(state);
  }

  /** @param {number} code */
  #abandon(code) {
    this.#disarm();
    const socket = this.#socket;
    this.#socket = null;
    this.#probeUntil = Number.POSITIVE_INFINITY;
    this.#isOffline = false;
    this.#details.openedAt = null;
    socket?.close(code);
  }

  /**
   * @param {number} delayMs
   * @param {() => void} act
   */
  #arm(delayMs, act) {
    this.#disarm();
    const dueAt = Date.now() + delayMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // A hidden tab's timers are all late. The clock of `performance` stands still while a machine sleeps.
      const lateMs = Date.now() - dueAt;
      const hasSlept = lateMs > this.#usualLateMs + LATE_MS;
      this.#usualLateMs = Math.max(0, lateMs);
      act();
      if (hasSlept) this.check();
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
