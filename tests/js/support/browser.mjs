/**
 * The browser's part for modules that need no page: sockets, a clock, storage, the address.
 *
 * Import this before any module of static/js. Each test file runs in a process of its own.
 */

import { beforeEach } from "node:test";

/** A WebSocket that the test controls from the other end. */
export class FakeSocket extends EventTarget {
  static OPEN = 1;
  /** @type {FakeSocket[]} */
  static all = [];
  readyState = 0;
  sent = [];
  closedWith = null;

  constructor(url, protocols = []) {
    super();
    this.url = url;
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
    this.readyState = 3;
  }

  /** The handshake succeeds. */
  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  /** The server sends these messages. */
  receive(...messages) {
    for (const message of messages) {
      this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
    }
  }

  /** The connection closes. */
  lose(code = 1006) {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason: "" }));
  }

  /** The messages of a type that the page sent. */
  of(type) {
    return this.sent.filter((message) => message.type === type);
  }
}

/** @returns {FakeSocket} */
export const newest = () => FakeSocket.all.at(-1);

let now = 1_000_000;
let asleep = 0;
let lastTimer = 0;
const timers = new Map();

/** The number of running timers. */
export const pendingTimers = () => timers.size;

/** Let time pass. It never passes by itself. */
export function wait(ms) {
  const until = now + ms;
  for (;;) {
    const [id, timer] = [...timers].sort(([, one], [, other]) => one.at - other.at)[0] ?? [];
    if (timer === undefined || timer.at > until) break;
    now = timer.at;
    timers.delete(id);
    timer.act();
  }
  now = until;
}

/** The machine sleeps: only the wall clock goes on. */
export function sleep(ms) {
  asleep += ms;
}

/** Let pending promises settle. */
export async function settle() {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

class FakeStorage {
  #values = new Map();
  isForbidden = false;

  getItem(key) {
    if (this.isForbidden) throw new DOMException("denied", "SecurityError");
    return this.#values.get(key) ?? null;
  }

  setItem(key, value) {
    if (this.isForbidden) throw new DOMException("denied", "SecurityError");
    this.#values.set(key, value);
  }

  removeItem(key) {
    if (this.isForbidden) throw new DOMException("denied", "SecurityError");
    this.#values.delete(key);
  }

  clear() {
    this.isForbidden = false;
    this.#values.clear();
  }
}

/** Open an address without loading a page. */
export function goTo(url) {
  const { pathname, search, hash, href } = new URL(url, "http://chat.test/");
  globalThis.location = { pathname, search, hash, href, reload: () => reloads.push(href) };
}

/** The addresses that the page reloaded. @type {string[]} */
export const reloads = [];

/** Console warnings, as texts. @type {string[]} */
export const warnings = [];

/** Answers `fetch`; a test may replace it. */
export const server = { fetch: async () => new Response("", { status: 503 }) };

let page = new EventTarget();

/** The browser reports an event such as `online`. */
export const report = (type) => page.dispatchEvent(new Event(type));

/** Another tab has stored a value. */
export const reportStored = (key) => page.dispatchEvent(Object.assign(new Event("storage"), { key }));

const define = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });

performance.now = () => now;
Date.now = () => 1_700_000_000_000 + now + asleep;
console.warn = (...words) => warnings.push(words.join(" "));
define("setTimeout", (act, ms = 0) => {
  timers.set((lastTimer += 1), { at: now + ms, act });
  return lastTimer;
});
define("clearTimeout", (id) => timers.delete(id));
define("WebSocket", FakeSocket);
define("localStorage", new FakeStorage());
define("sessionStorage", new FakeStorage());
define("fetch", (...request) => server.fetch(...request));
define("history", { state: null, replaceState: (_state, _title, url) => goTo(url) });
define("location", null);
define("document", { title: "trio chat" });
define("navigator", { languages: ["en-GB"] });
define("addEventListener", (...listener) => page.addEventListener(...listener));
define("removeEventListener", (...listener) => page.removeEventListener(...listener));

beforeEach(() => {
  FakeSocket.all = [];
  page = new EventTarget();
  timers.clear();
  warnings.length = 0;
  reloads.length = 0;
  localStorage.clear();
  sessionStorage.clear();
  server.fetch = async () => new Response("", { status: 503 });
  goTo("/");
});
