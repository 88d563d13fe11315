/** How often the page redraws. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { wait } from "./support/browser.mjs";

/** The clock of the tests calls this for a frame. */
globalThis.requestAnimationFrame = (draw) => setTimeout(draw, 16);
globalThis.document = { hidden: false };
const { Redraw } = await import("../../static/js/redraw.js");

const room = { name: "general" };
let redraw;
/** The parts of each redraw. @type {string[][]} */
let shown;

beforeEach(() => {
  shown = [];
  redraw = new Redraw((changed) => shown.push([...(changed.get(room) ?? [])]));
});

test("a change shows with the next frame, and those of the next 100 ms together", () => {
  redraw.add(room, "messages");
  wait(16);
  assert.deepEqual(shown, [["messages"]]);
  for (const part of ["people", "messages", "people"]) redraw.add(room, part);
  wait(99);
  assert.equal(shown.length, 1);
  wait(17);
  assert.deepEqual(shown, [["messages"], ["people", "messages"]]);
});

test("the receipts of a second show together, or with another change", () => {
  redraw.add(room, "reads");
  wait(16);
  assert.deepEqual(shown, [["reads"]]);
  for (let at = 0; at < 50; at += 1) {
    redraw.add(room, "reads");
    wait(10);
  }
  assert.equal(shown.length, 1);
  redraw.add(room, "messages");
  wait(16);
  assert.deepEqual(shown, [["reads"], ["reads", "messages"]]);
  wait(5_000);
  assert.equal(shown.length, 2);
});

test("a hidden page redraws without frames", () => {
  document.hidden = true;
  redraw.add(room, "messages");
  wait(250);
  document.hidden = false;
  assert.deepEqual(shown, [["messages"]]);
});
