/** One session at a time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeSocket, newest, wait } from "./support/browser.mjs";
import { listener, reported, welcome } from "./support/session.mjs";

const { CurrentSession } = await import("../../static/js/client/current.js");

const begin = (sessions, name, unsent = []) => {
  const session = sessions.start("ws://chat.test/ws", { name, device: "d-1", rooms: ["general"], unsent }, listener);
  session.join();
  return session;
};

const open = () => FakeSocket.all.filter(({ readyState }) => readyState < 2);

test("a second start ends the first session, before and after its welcome", () => {
  const sessions = new CurrentSession();
  for (const name of ["ann", "bob", "eve"]) {
    begin(sessions, name);
    newest().open();
    if (name === "bob") newest().receive({ ...welcome, username: "bob" });
    assert.deepEqual(open(), [newest()]);
  }
  wait(120_000);
  assert.equal(sessions.session.name, "eve");
  assert.ok(FakeSocket.all.slice(0, 2).every(({ closedWith }) => closedWith === 1000));
});

test("a session that waits for a server is ended too", () => {
  const sessions = new CurrentSession();
  begin(sessions, "ann");
  newest().lose();
  begin(sessions, "bob");
  newest().open();
  newest().receive({ ...welcome, username: "bob" });
  wait(60_000);
  assert.equal(FakeSocket.all.filter((socket) => socket.of("hello").length > 0).length, 1);
  assert.equal(open().length, 1);
});

test("an ended session reports nothing, not even its end", () => {
  const sessions = new CurrentSession();
  begin(sessions, "ann");
  const [first] = FakeSocket.all;
  begin(sessions, "bob");
  reported.states = [];
  first.open();
  first.receive(welcome);
  first.lose(4500);
  assert.deepEqual([reported.states, reported.refused], [[], []]);
  sessions.end();
  assert.deepEqual([reported.states, sessions.session, newest().closedWith], [[], null, 1000]);
});

test("a session that is replaced loses no unsent request", () => {
  const sessions = new CurrentSession();
  const request = { ref: "r", type: "message", room: "general", message: "hi", ts: 0, state: "sending", after: 0 };
  reported.unsent = null;
  begin(sessions, "ann", [request]);
  begin(sessions, "bob");
  sessions.end();
  assert.equal(reported.unsent, null);
  assert.equal(request.state, "sending");
});
