"""The page's half of the protocol without views or a server: sockets and a clock are made up."""

from typing import Any

from playwright.sync_api import Page

_PRELUDE = """
class Socket extends EventTarget {
  static OPEN = 1;
  static all = [];
  readyState = 0;
  sent = [];
  constructor() {
    super();
    Socket.all.push(this);
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close(code) { this.closedWith = code; this.readyState = 3; }
  open() { this.readyState = 1; this.dispatchEvent(new Event("open")); }
  take(...frames) {
    for (const frame of frames) {
      this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
    }
  }
  lose(code = 1006) { this.readyState = 3; this.dispatchEvent(new CloseEvent("close", { code })); }
  of(type) { return this.sent.filter((frame) => frame.type === type); }
}
let now = 1_000_000;
let timerIds = 0;
const timers = new Map();
performance.now = () => now;
globalThis.setTimeout = (act, ms = 0) => {
  timers.set((timerIds += 1), { at: now + ms, act });
  return timerIds;
};
globalThis.clearTimeout = (id) => timers.delete(id);
globalThis.WebSocket = Socket;
const { Session } = await import("/static/js/session.js");
const { linesOf } = await import("/static/js/entries.js");
const isSelf = (name) => name === "ann";
const heard = { lost: [], trouble: [], unsent: [], refused: [], ending: [], states: [] };
const listener = {
  onState: (state) => heard.states.push(state),
  onRoom: () => {},
  onRoomLost: (name) => heard.lost.push(name),
  onUnsent: (requests) => { heard.unsent = structuredClone(requests); },
  onTrouble: (text) => heard.trouble.push(text),
  onTokenEnding: (isEnding) => heard.ending.push(isEnding),
  onRefused: (why, code) => heard.refused.push([why, code]),
};
const begin = (unsent = [], rooms = ["general"]) => {
  const who = { name: "ann", device: "d-1", token: "", rooms, unsent };
  const session = new Session("ws://nowhere/ws", who, isSelf, listener);
  session.join();
  return session;
};
const newest = () => Socket.all.at(-1);
const welcome = { type: "welcome", v: 2, username: "ann", device: "d-1",
  limits: { ratePerSecond: 10, burst: 20 } };
const event = (seq, more = {}) => ({ type: "message", id: `id-${seq}`, seq, room: "general",
  username: "bob", message: `line ${seq}`, time: "10:00:00", ts: 1_700_000_000_000 + seq,
  ...more });
const own = (seq, message) => event(seq, { username: "ann", message });
const lastRequest = () => newest().sent.findLast(({ type }) => /message|edit|delete/.test(type));
/** The server has taken the newest message, edit or delete that was sent. */
const acknowledge = (id, seq, more = {}) => {
  const { ref } = lastRequest();
  newest().take({ type: "ack", ref, room: "general", id, seq, dup: false, ...more });
};
/** It has not. */
const refuse = (code, message, more = {}) => {
  const { ref } = lastRequest();
  newest().take({ type: "error", code, message, ref, room: "general", ...more });
};
const joined = (head, history = [], more = {}) => ({ type: "joined", room: "general", epoch: "k1",
  head, read: 0, users: ["ann", "bob"], count: 2, reads: {}, recovered: false, history, more: false,
  ...more });
/** In, with these events in the room. */
const enter = (session, ...events) => {
  newest().open();
  newest().take(welcome, joined(events.at(-1)?.seq ?? 0, events));
  return session.rooms.get("general");
};
/** Over a lost connection into the next one, up to its welcome. */
const comeBack = (session) => {
  newest().lose();
  session.retryNow();
  newest().open();
  newest().take(welcome);
};
const shown = (session, room = session.rooms.get("general")) =>
  linesOf(room, session.requests, { name: "ann", isSelf, newFrom: 0 })
    .filter(({ kind }) => kind === "message");
const texts = (session) => shown(session).map(({ text }) => text);
/** Let time pass, which it does nowhere else. */
const wait = (ms) => {
  const until = now + ms;
  for (;;) {
    const [id, timer] = [...timers].sort(([, one], [, other]) => one.at - other.at)[0] ?? [];
    if (timer === undefined || timer.at > until) break;
    now = timer.at;
    timers.delete(id);
    timer.act();
  }
  now = until;
};
"""


def compute(page: Page, script: str) -> Any:  # noqa: ANN401 - whatever the script returns
    """Run a script with a session on made-up sockets, and return what it returns."""
    return page.evaluate(f"async () => {{ {_PRELUDE} {script} }}")
