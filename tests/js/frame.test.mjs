/** The page in a frame: when it asks for a token, and from where it takes one. */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });

/** @type {[object, string][]} */
const asked = [];
const around = { postMessage: (...message) => asked.push(message) };
const page = new EventTarget();
Object.assign(globalThis, { self: globalThis, parent: around, addEventListener: page.addEventListener.bind(page) });
const { askForToken, followTokens } = await import("../../static/js/frame.js");

test("the page asks for a token at once, and then once in five seconds at most", () => {
  askForToken();
  askForToken();
  mock.timers.tick(1);
  assert.deepEqual(asked, [[{ type: "trio-chat:token-wanted" }, "*"]]);
  askForToken();
  mock.timers.tick(4_900);
  assert.equal(asked.length, 1);
  mock.timers.tick(200);
  assert.equal(asked.length, 2);
});

test("the page takes a token from the page around it only", () => {
  /** @type {string[]} */
  const taken = [];
  followTokens((token) => taken.push(token));
  const data = { type: "trio-chat:token", token: "t" };
  for (const message of [
    { source: {}, data },
    { source: around, data: null },
    { source: around, data: { ...data, type: "other" } },
    { source: around, data: { ...data, token: 1 } },
    { source: around, data },
  ]) {
    page.dispatchEvent(Object.assign(new Event("message"), message));
  }
  assert.deepEqual(taken, ["t"]);
});
