/** A link to a message: how far the page loads the history for it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { newest } from "./support/browser.mjs";
import { event, joined, start, startIn, welcome } from "./support/session.mjs";

const { nextStep } = await import("../../static/js/permalink.js");

test("a link waits for the room, loads older pages, and shows its message", () => {
  const session = start();
  const room = session.rooms.get("general");
  const step = (pages = 0) => nextStep({ room, seq: 3, pages });
  assert.equal(step(), "wait");
  newest().open();
  newest().receive(welcome, joined(6, [event(5), event(6)], { more: true }));
  assert.equal(step(), "load");
  session.loadOlder(room);
  assert.equal(step(), "wait");
  const [{ ref }] = newest().of("history");
  newest().receive({ type: "history", room: "general", history: [event(3), event(4)], more: true, ref });
  assert.equal(step(), "show");
});

test("a link goes to the oldest event if its own is gone, and gives up after many pages", () => {
  const { room } = startIn(event(5));
  assert.equal(nextStep({ room, seq: 2, pages: 0 }), "show");
  newest().receive(joined(9, [event(9)], { more: true, epoch: "k2" }));
  assert.equal(nextStep({ room, seq: 2, pages: 60 }), "give up");
});
