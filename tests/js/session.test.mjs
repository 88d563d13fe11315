/** A session message by message: resuming, gaps, rooms, tokens, heartbeats. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeSocket, newest, wait, warnings } from "./support/browser.mjs";
import {
  acknowledge, enter, event, joined, own, reconnect, reject, reported, start, startIn, texts, welcome,
} from "./support/session.mjs";

const lineTexts = (first, last) => Array.from({ length: last - first + 1 }, (_, at) => `line ${first + at}`);

test("after a loss the session resumes from the last received event", () => {
  const { session } = startIn(event(1), event(2));
  newest().receive(event(3));
  reconnect(session);
  newest().receive(joined(5, [event(4), event(5)], { recovered: true }), event(6));
  assert.deepEqual(
    FakeSocket.all.map((socket) => socket.of("hello")[0].rooms),
    [{ general: {} }, { general: { since: 3, epoch: "k1" } }],
  );
  assert.deepEqual(texts(session), lineTexts(1, 6));
});

test("a repeated event is shown once", () => {
  const { session } = startIn(event(1));
  newest().receive(event(2), event(2), event(1), event(3));
  assert.deepEqual(texts(session), lineTexts(1, 3));
});

test("a heartbeat without a gap joins nothing again", () => {
  startIn(event(1), event(2));
  newest().receive({ type: "heartbeat", time: 0, heads: { general: 2 } });
  assert.deepEqual(newest().of("join"), []);
});

const signs = {
  "an event": event(5),
  "a heartbeat": { type: "heartbeat", time: 0, heads: { general: 5, other: 9 } },
};
for (const [name, sign] of Object.entries(signs)) {
  test(`a gap that ${name} reveals is filled before anything after it is shown`, () => {
    const { session } = startIn(event(1), event(2));
    newest().receive(sign, event(6));
    assert.deepEqual(newest().of("join").map(({ room, since, epoch }) => [room, since, epoch]), [["general", 2, "k1"]]);
    assert.deepEqual(texts(session), lineTexts(1, 2));
    assert.match(warnings[0], /events of a room are missing/);
    newest().receive(joined(6, [3, 4, 5, 6].map((seq) => event(seq)), { recovered: true }));
    assert.deepEqual(texts(session), lineTexts(1, 6));
  });
}

test("a join is repeated after a temporary error, and a forbidden room is lost", () => {
  const { session } = startIn(event(1));
  session.joinRoom("dev");
  session.joinRoom("ops");
  const [dev, ops] = newest().of("join");
  newest().receive(
    { type: "error", code: "unavailable", message: "no store", ref: dev.ref, retryAfterMs: 20 },
    { type: "error", code: "forbidden", message: "not for you", ref: ops.ref },
  );
  wait(40);
  assert.deepEqual(newest().of("join").map(({ room }) => room), ["dev", "ops", "dev"]);
  assert.deepEqual(reported.lost, ["ops"]);
  assert.deepEqual(reported.errors, ["not for you"]);
  assert.deepEqual(newest().of("leave"), []);
});

test("a leave is repeated after a temporary error, unless the user is back", () => {
  const { session } = startIn(event(1));
  session.leaveRoom("general");
  const [{ ref }] = newest().of("leave");
  newest().receive({ type: "error", code: "unavailable", message: "no store", ref, retryAfterMs: 20 });
  wait(40);
  assert.equal(newest().of("leave").length, 2);
});

test("an older page is requested again after a temporary error", () => {
  const { session, room } = startIn();
  newest().receive({ ...joined(9, [event(9)]), more: true, epoch: "k2" });
  session.loadOlder(room);
  const [{ ref }] = newest().of("history");
  newest().receive({ type: "error", code: "unavailable", message: "no store", ref, retryAfterMs: 20 });
  session.loadOlder(room);
  assert.equal(newest().of("history").length, 1);
  wait(40);
  session.loadOlder(room);
  assert.equal(newest().of("history").length, 2);
});

test("typing is sent only in a joined room", () => {
  const { session, room } = startIn();
  session.sendTyping(room, true);
  assert.equal(newest().of("typing").length, 1);
  reconnect(session);
  session.sendTyping(room, true);
  assert.equal(newest().of("typing").length, 0);
});

test("the warning about an expiring token ends when the server takes a new one", () => {
  const { session } = startIn();
  newest().receive({ type: "auth", expiresInMs: 30_000 });
  session.refreshToken("a.b.c");
  const [{ token, ref }] = newest().of("auth");
  newest().receive({ type: "ack", ref });
  assert.deepEqual(reported.expiring, [true, false]);
  assert.equal(token, "a.b.c");
  reconnect(session);
  assert.deepEqual(newest().protocols, ["trio-chat.v2", "bearer.a.b.c"]);
});

test("the server's last error on this connection explains a refusal", () => {
  start();
  newest().open();
  newest().receive({ type: "error", code: "bad_request", message: "This name is too long." });
  newest().lose(4501);
  const later = start();
  newest().open();
  newest().receive({ type: "error", code: "internal", message: "Something went wrong." });
  newest().lose();
  later.retryNow();
  newest().lose(4504);
  assert.deepEqual(reported.refused, [
    [4501, "This name is too long."],
    [4504, ""],
  ]);
});

test("the session uses the server's spelling of the name", () => {
  const session = start();
  assert.equal(session.name, "ann");
  newest().open();
  newest().receive({ ...welcome, username: "Ann" });
  assert.equal(session.name, "Ann");
});

const changes = {
  "messages of an event": [event(2), "general messages"],
  "reads of a read marker": [{ type: "read", room: "general", username: "bob", seq: 1 }, "general reads"],
  "people of presence": [{ type: "presence", room: "general", online: [], offline: ["bob"] }, "general people"],
  "typing of a typist": [{ type: "typing", room: "general", username: "bob", isTyping: true }, "general typing"],
};
for (const [name, [message, part]] of Object.entries(changes)) {
  test(`the view must show the ${name}`, () => {
    const { session } = startIn(event(1));
    reported.parts = [];
    newest().receive(message);
    assert.deepEqual(reported.parts, [part]);
    session.rooms.get("general").disconnect();
    newest().receive(message);
    assert.equal(reported.parts.length, 1, "but not in a room that is not joined");
  });
}

test("the view must show each step of a request", () => {
  const { session, room } = startIn();
  reported.parts = [];
  session.sendMessage(room, "hi");
  reject("too_large", "Too long.");
  const [{ ref }] = newest().of("message");
  session.retry(room, ref);
  acknowledge("id-1", 1);
  session.discard(room, ref);
  assert.deepEqual(reported.parts, Array(5).fill("general messages"));
});

test("leaving a room drops its requests and no others", () => {
  const { session, room } = startIn();
  session.joinRoom("dev");
  session.sendMessage(room, "general");
  session.sendMessage(session.rooms.get("dev"), "dev");
  session.leaveRoom("dev");
  assert.deepEqual(session.requests.map(({ message }) => message), ["general"]);
  assert.deepEqual(reported.lost, ["dev"]);
});

test("a room joined later knows the user", () => {
  const { session } = startIn();
  session.joinRoom("dev");
  newest().receive(joined(0, [], { room: "dev" }), { type: "typing", room: "dev", username: "ann", isTyping: true });
  assert.equal(session.rooms.get("dev").typing.size, 0);
});

test("the session has entered after the welcome, not after the handshake", () => {
  const session = start();
  newest().open();
  assert.deepEqual([session.isIn, reported.states.at(-1).name], [false, "connecting"]);
  enter(session);
  assert.deepEqual([session.isIn, reported.states.at(-1).name], [true, "open"]);
  newest().lose();
  assert.equal(session.isIn, false);
});

test("a message may be edited by the device that sent it", () => {
  const { session, room } = startIn(event(1));
  session.sendMessage(room, "hi");
  acknowledge("id-2", 2);
  newest().receive(own(2, "hi"), own(3, "of another device"));
  assert.deepEqual(room.timeline.entries.map((entry) => session.mayEdit(entry)), [false, true, false]);
});

test("with a token the user may edit all own messages", () => {
  const { session, room } = startIn(event(1), own(2, "of another device"));
  assert.deepEqual(room.timeline.entries.map((entry) => session.mayEdit(entry)), [false, false]);
  const proven = start({ token: "a.b.c" });
  assert.deepEqual(room.timeline.entries.map((entry) => proven.mayEdit(entry)), [false, true]);
});

test("a room that cannot be joined any more gives back the unsent messages", () => {
  const { session, room } = startIn(event(1));
  newest().lose();
  session.sendMessage(room, "unsent");
  session.retryNow();
  newest().open();
  newest().receive(welcome, { type: "error", code: "forbidden", message: "not for you", room: "general" });
  assert.deepEqual([reported.lost, reported.dropped], [["general"], ["unsent"]]);
});
