/** What the quick switcher offers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import "./support/browser.mjs";

const { optionsFor } = await import("../../static/js/switcher.js");

const shown = (query, rooms, past = []) => optionsFor(query, rooms, past).map(({ name, kind }) => `${name} ${kind}`);

test("without a text it offers the user's rooms by their last visit, then earlier ones", () => {
  assert.deepEqual(shown("", ["a", "b", "c"], ["b", "old", "a"]), ["b in", "a in", "c in", "old past"]);
});

test("a room that begins with the text comes before one that contains it", () => {
  assert.deepEqual(shown("#DEV", ["web-dev", "dev-ops", "dev", "general"]), ["dev in", "dev-ops in", "web-dev in"]);
});

for (const [query, rooms, expected] of [
  ["My Room", ["general"], ["my-room new"]],
  ["My Room", ["my-room"], ["my-room in"]],
  ["gen", ["general"], ["general in", "gen new"]],
  ["…", ["general"], []],
]) {
  test(`“${query}” offers ${expected.join(" and ") || "nothing"} to a user in ${rooms}`, () => {
    assert.deepEqual(shown(query, rooms), expected);
  });
}

test("a user of 50 rooms gets no further one", () => {
  const rooms = Array.from({ length: 50 }, (_, at) => `r${at}`);
  assert.deepEqual(shown("new", rooms, ["newer"]), []);
});
