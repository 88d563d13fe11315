/** Messages of the wire and names of rooms. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { warnings } from "./support/browser.mjs";

const { decode, roomName, unsendableName, validRoomName } = await import("../../static/js/client/wire.js");

const INVALID = [
  "not json",
  "null",
  "5",
  "[]",
  "{}",
  '{"type":"next year\'s type"}',
  '{"type":"message","message":5}',
  '{"type":"presence","room":"general","online":"ann","offline":[]}',
  '{"type":"typing","room":"general","username":"ann","isTyping":"no"}',
  '{"type":"joined","room":"general","epoch":"k","head":1,"history":[]}',
  '{"type":"welcome"}',
  '{"type":"read","room":"general","username":"ann","seq":"1"}',
  '{"type":"history","room":"general","history":{}}',
  '{"type":"ack"}',
  '{"type":"error","code":"internal"}',
  '{"type":"heartbeat","heads":5}',
  '{"type":"auth"}',
  '{"type":"reconnect"}',
];
for (const text of INVALID) {
  test(`${text} is ignored with a warning`, () => {
    assert.equal(decode(text), null);
    assert.match(warnings[0], /was ignored/);
  });
}

test("unknown keys of a message are ignored", () => {
  assert.equal(decode('{"type":"ack","ref":"r","colour":"red"}').ref, "r");
  assert.deepEqual(warnings, []);
});

test("a history loses its invalid events only", () => {
  const { history } = decode(JSON.stringify({
    type: "history",
    room: "general",
    history: [
      { type: "message", id: "a" },
      { type: "system", id: "b", seq: 2, room: "general", message: "ann has joined" },
      { type: "edited", id: "c", seq: 3, room: "general", message: "x", username: "ann" },
    ],
  }));
  assert.deepEqual(history.map(({ id }) => id), ["b"]);
});

for (const [text, name] of [[" #Dev ", "dev"], ["a.b_c-9", "a.b_c-9"], ["x".repeat(64), "x".repeat(64)]]) {
  test(`${text} names the room ${name}`, () => assert.equal(roomName(text), name));
}

for (const text of ["", "#", "-a", "a b", "ä", "x".repeat(65)]) {
  test(`“${text}” names no room`, () => assert.equal(roomName(text), ""));
}

test("the page rejects a name that it cannot send", () => {
  assert.equal(unsendableName("ann"), "");
  assert.equal(unsendableName(" "), "empty");
  assert.equal(unsendableName(" {x"), "brace");
});

const offers = [
  ["My Room", "my-room"], ["#Dev Ops!", "dev-ops"], ["Küche & Café", "kueche-cafe"], ["_x_", "x"], ["a.b_c", "a.b_c"],
  ["x".repeat(65), "x".repeat(64)], [`${"x".repeat(63)} y`, "x".repeat(63)], ["日本", ""], ["…", ""], ["Ａ１", "a1"],
];
for (const [text, name] of offers) {
  test(`“${text}” is offered as “${name}”`, () => {
    assert.equal(validRoomName(text), name);
    if (name !== "") assert.equal(roomName(name), name);
  });
}
