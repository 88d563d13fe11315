/** Sending: when and how often the page sends a request, whatever the server answers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeSocket, newest, wait } from "./support/browser.mjs";
import {
  acknowledge, editable, enter, event, joined, messages, readers, own, reconnect, reject, reported, sentTexts, start, startIn, texts, welcome,
} from "./support/session.mjs";

test("the page shows a sent message once, before and after its own copy arrives", () => {
  const { session, room } = startIn();
  const look = () => messages(session).map(({ key, text, state, seq }) => [key, text, state, seq]);
  session.sendMessage(room, "hello");
  const [{ ref }] = newest().of("message");
  assert.deepEqual(look(), [[ref, "hello", "sending", undefined]]);
  acknowledge("id-2", 2);
  assert.deepEqual(look(), [[ref, "hello", "sent", 2]]);
  newest().receive(event(1), own(2, "hello"));
  assert.deepEqual(look(), [["id-1", "line 1", undefined, 1], [ref, "hello", "sent", 2]]);
  newest().receive({ type: "read", room: "general", username: "bob", seq: 2 });
  assert.equal(readers(session).upTo, 2);
});

test("the up arrow edits the last message once the server has it, and never the one before", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "first");
  assert.equal(editable(session), undefined);
  acknowledge("id-1", 1);
  assert.equal(editable(session), "first");
  newest().receive(own(1, "first"), event(2));
  assert.equal(editable(session), "first");
  session.sendMessage(room, "second");
  assert.equal(editable(session), undefined);
  acknowledge("id-3", 3);
  assert.equal(editable(session), "second");
});

test("messages go one by one in the order of writing", () => {
  const { session, room } = startIn();
  for (const text of ["one", "two", "three"]) session.sendMessage(room, text);
  assert.deepEqual(sentTexts(), ["one"]);
  acknowledge("id-1", 1);
  assert.deepEqual(sentTexts(), ["one", "two"]);
  acknowledge("id-2", 2);
  acknowledge("id-3", 3);
  assert.deepEqual(sentTexts(), ["one", "two", "three"]);
});

test("an unanswered message is repeated with its ref once the room is joined again", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "hello");
  const [{ ref }] = newest().of("message");
  reconnect(session);
  assert.deepEqual(newest().of("message"), []);
  newest().receive(joined(1, [own(1, "hello")], { recovered: true }));
  assert.deepEqual(newest().of("message").map((message) => message.ref), [ref]);
  assert.deepEqual(texts(session), ["hello"]);
  acknowledge("id-1", 1, { dup: true });
  assert.deepEqual(texts(session), ["hello"]);
});

test("requests from before a reload are repeated with their refs", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "hello");
  session.sendMessage(room, "more");
  const stored = reported.unsent;
  const after = start({ unsent: structuredClone(stored) });
  newest().open();
  newest().receive(welcome, joined(1, [own(1, "hello")]));
  assert.deepEqual(newest().of("message").map(({ ref }) => ref), [stored[0].ref]);
  assert.deepEqual(texts(after), ["hello", "more"]);
  acknowledge("id-1", 1, { dup: true });
  acknowledge("id-2", 2);
  assert.deepEqual(reported.unsent, []);
});

for (const code of ["rate_limited", "unavailable"]) {
  test(`a request rejected with ${code} is repeated after the wait that the server asked for`, () => {
    const { session, room } = startIn();
    session.sendMessage(room, "hello");
    session.sendMessage(room, "behind it");
    const [{ ref }] = newest().of("message");
    reject(code, "Wait.", { retryAfterMs: 3_000 });
    wait(2_900);
    assert.equal(newest().of("message").length, 1);
    wait(200);
    assert.deepEqual(newest().of("message").map((message) => message.ref), [ref, ref]);
    assert.deepEqual(messages(session).map(({ state, error }) => [state, error]), [["sending", "Wait."], ["sending", undefined]]);
  });
}

test("after rate_limited the page sends below the rate", () => {
  const { session, room } = startIn();
  for (const text of ["one", "two", "three"]) session.sendMessage(room, text);
  reject("rate_limited", "Wait.", { retryAfterMs: 50 });
  wait(60);
  acknowledge("id-1", 1);
  assert.equal(sentTexts().length, 2);
  wait(110);
  assert.equal(sentTexts().length, 3);
});

test("a final rejection fails the request, and the next one goes out; the user can retry", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "too much");
  session.sendMessage(room, "next");
  const [{ ref }] = newest().of("message");
  reject("too_large", "Too long.");
  const [{ text, state, error, failed }] = messages(session);
  assert.deepEqual([text, state, error, failed], ["too much", "failed", "Too long.", "message"]);
  acknowledge("id-1", 1);
  session.retry(room, ref);
  assert.equal(messages(session)[1].error, undefined);
  assert.deepEqual(sentTexts(), ["too much", "next", "too much"]);
  session.discard(room, ref);
  assert.deepEqual(texts(session), ["next"]);
  assert.deepEqual(reported.unsent, []);
});

test("a socket without an answer is abandoned, not left", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "hello?");
  const silent = newest();
  wait(15_100);
  session.retryNow();
  assert.equal(silent.closedWith, 3001);
  assert.equal(FakeSocket.all.length, 2);
});

test("an answer in time keeps the socket, and a loss ends the wait for the answer", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "hello");
  acknowledge("id-1", 1);
  wait(15_100);
  assert.equal(newest().closedWith, null);
  session.sendMessage(room, "more");
  reconnect(session);
  wait(15_100);
  assert.equal(newest().closedWith, null);
});

test("the browser stores each step of a request", () => {
  const { session, room } = startIn();
  const stored = () => reported.unsent.map(({ state, mayBeStored, error }) => [state, mayBeStored, error])[0];
  session.sendMessage(room, "hello");
  assert.deepEqual(stored(), ["sending", true, undefined]);
  reject("too_large", "Too long.");
  assert.deepEqual(stored(), ["failed", false, "Too long."]);
  reconnect(session);
  session.retry(room, reported.unsent[0].ref);
  assert.deepEqual(stored(), ["sending", false, undefined]);
});

test("an earlier equal text is not matched with a message that may be stored", () => {
  const { session, room } = startIn(own(1, "ok"));
  session.sendMessage(room, "ok");
  assert.deepEqual(texts(session), ["ok", "ok"]);
});

test("a message that the server cannot have stored is not matched with an equal text", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "ok");
  newest().receive(own(1, "ok"));
  assert.deepEqual(texts(session), ["ok"]);
  reject("rate_limited", "Wait.");
  assert.deepEqual(texts(session), ["ok", "ok"]);
});

test("an acknowledged message of a replaced history is no longer shown", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "in the old history");
  acknowledge("id-1", 1);
  assert.deepEqual(texts(session), ["in the old history"]);
  reconnect(session);
  newest().receive(joined(0, [], { epoch: "k2" }));
  assert.deepEqual(texts(session), []);
});

test("leaving drops unsent requests and closes with 1000", () => {
  const { session, room } = startIn();
  session.sendMessage(room, "too late");
  session.leave();
  assert.deepEqual(reported.unsent, []);
  assert.equal(newest().closedWith, 1000);
  wait(60_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("requests of a room that is no longer joined are dropped after a reload", () => {
  const unsent = [{ ref: "r", type: "message", room: "dev", message: "x", ts: 0, state: "sending", after: 0 }];
  const session = start({ unsent });
  enter(session);
  assert.deepEqual(session.requests, []);
});
