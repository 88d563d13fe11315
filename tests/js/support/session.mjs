/** A session of "ann" on fake sockets, and the server's messages to it. */

import { beforeEach } from "node:test";
import { newest } from "./browser.mjs";

const { Session } = await import("../../../static/js/client/session.js");
const { lastEditable, linesOf, readersOf } = await import("../../../static/js/lines.js");

const isSelf = (name) => name === "ann";

/** What the session reported since the test began. */
export const reported = {};

beforeEach(() => {
  Object.assign(reported, { lost: [], dropped: [], errors: [], unsent: [], refused: [], expiring: [], states: [], parts: [] });
});

/** Reports to `reported`. */
export const listener = {
  onState: (state) => reported.states.push(state),
  onRoom: ({ name }, part) => reported.parts.push(`${name} ${part}`),
  onRoomLost: (name, dropped) => {
    reported.lost.push(name);
    reported.dropped.push(...dropped.map(({ message }) => message));
  },
  onUnsent: (requests) => {
    reported.unsent = structuredClone(requests);
  },
  onError: ({ message }) => reported.errors.push(message),
  onTokenExpiring: (isExpiring) => reported.expiring.push(isExpiring),
  onRefused: ({ code, error }) => reported.refused.push([code, error?.message ?? ""]),
};

export function start({ unsent = [], rooms = ["general"], token = "" } = {}) {
  const user = { name: "ann", device: "d-1", token, rooms, unsent };
  const session = new Session("ws://chat.test/ws", user, listener);
  session.join();
  return session;
}

export const welcome = { type: "welcome", v: 2, username: "ann", device: "d-1", limits: { ratePerSecond: 10, burst: 20 } };

/** A message of bob, or another event. */
export const event = (seq, more = {}) => ({
  type: "message",
  id: `id-${seq}`,
  seq,
  room: "general",
  username: "bob",
  message: `line ${seq}`,
  time: "10:00:00",
  ts: 1_700_000_000_000 + seq,
  ...more,
});

export const own = (seq, message) => event(seq, { username: "ann", message });

export const joined = (head, history = [], more = {}) => ({
  type: "joined",
  room: "general",
  epoch: "k1",
  head,
  read: 0,
  users: ["ann", "bob"],
  count: 2,
  reads: {},
  recovered: false,
  history,
  more: false,
  ...more,
});

/** Join the general room, which has these events. */
export function enter(session, ...events) {
  newest().open();
  newest().receive(welcome, joined(events.at(-1)?.seq ?? 0, events));
  return session.rooms.get("general");
}

/** Start a session in the general room. */
export function startIn(...events) {
  const session = start();
  return { session, room: enter(session, ...events) };
}

/** Lose the connection and open the next one, up to its welcome. */
export function reconnect(session) {
  newest().lose();
  session.retryNow();
  newest().open();
  newest().receive(welcome);
}

const lastRequest = () => newest().sent.findLast(({ type }) => /message|edit|delete/.test(type));

/** Acknowledge the newest request. */
export function acknowledge(id, seq, more = {}) {
  newest().receive({ type: "ack", ref: lastRequest().ref, room: "general", id, seq, dup: false, ...more });
}

/** Reject the newest request. */
export function reject(code, message, more = {}) {
  newest().receive({ type: "error", code, message, ref: lastRequest().ref, room: "general", ...more });
}

export const lines = (session, newFrom = 0, now = new Date(0)) => {
  const reader = { name: "ann", isSelf, mayEdit: (entry) => session.mayEdit(entry), newFrom, now };
  return linesOf(session.rooms.get("general"), session.requests, reader);
};

/** Where others have read to, by key of the message. */
export const readers = (session) => readersOf(session.rooms.get("general"), lines(session));

/** The text of the message that the up arrow edits. */
export const editable = (session) => lastEditable(lines(session))?.text;

/** The messages on the page. */
export const messages = (session) => lines(session).filter(({ kind }) => kind === "message");

export const texts = (session) => messages(session).map(({ text }) => text);

/** The texts of the messages that the page sent on its newest socket. */
export const sentTexts = () => newest().of("message").map(({ message }) => message);
