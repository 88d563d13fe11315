/** Half-written texts, and the ids of sent messages: kept per user, over reloads and in all tabs. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { reportStored, wait } from "./support/browser.mjs";

const { Drafts } = await import("../../static/js/drafts.js");
const { SentIds } = await import("../../static/js/sentids.js");

/** Continue as another tab does: without this tab's storage. */
const closeTab = () => sessionStorage.clear();

test("a text is stored soon after each key, and outlives the tab", () => {
  const drafts = new Drafts("ann");
  for (const text of ["h", "ha", "hal", "half"]) {
    drafts.setText("dev", text);
    wait(100);
  }
  wait(200);
  closeTab();
  assert.equal(new Drafts("Ann").text("dev"), "half");
  assert.equal(new Drafts("bob").text("dev"), "");
  assert.equal(new Drafts("ann").text("general"), "");
});

test("a half-made edit is kept with its room until it ends", () => {
  const drafts = new Drafts("ann");
  drafts.setEdit("dev", "id-1", "better");
  drafts.flush();
  assert.deepEqual(new Drafts("ann").editsIn("dev"), [["id-1", "better"]]);
  assert.deepEqual(new Drafts("ann").editsIn("general"), []);
  drafts.setEdit("dev", "id-1", null);
  drafts.flush();
  assert.deepEqual(new Drafts("ann").editsIn("dev"), []);
});

test("a sent text leaves nothing behind", () => {
  const drafts = new Drafts("ann");
  drafts.setText("dev", "half");
  drafts.flush();
  drafts.setText("dev", "");
  drafts.flush();
  assert.deepEqual([sessionStorage.getItem("trio-chat-drafts:ann"), localStorage.getItem("trio-chat-drafts:ann")], [null, null]);
});

test("two tabs keep their own text in one room, and store the texts of all others", () => {
  const [one, other] = [new Drafts("ann"), new Drafts("ann")];
  one.setText("dev", "one");
  one.setText("ops", "mine");
  one.flush();
  const tab = sessionStorage.getItem("trio-chat-drafts:ann");
  closeTab();
  other.setText("dev", "other");
  other.flush();
  assert.equal(new Drafts("ann").text("ops"), "mine");
  sessionStorage.setItem("trio-chat-drafts:ann", tab);
  assert.equal(new Drafts("ann").text("dev"), "one");
});

test("texts are counted in one room or in all, and dropped in the same way", () => {
  const drafts = new Drafts("ann");
  drafts.setText("dev", "half");
  drafts.setText("ops", "half");
  drafts.setText("general", "  ");
  drafts.setEdit("dev", "id-1", "better");
  assert.deepEqual([drafts.count(), drafts.count("dev"), drafts.count("general")], [3, 2, 0]);
  drafts.forget("dev");
  assert.deepEqual([drafts.count(), drafts.count("dev")], [1, 0]);
  drafts.clear();
  assert.deepEqual([drafts.count(), new Drafts("ann").count()], [0, 0]);
});

test("a browser that stores nothing says so", () => {
  const outcomes = [];
  const drafts = new Drafts("ann", () => outcomes.push(drafts.isSaved));
  for (const isForbidden of [true, false]) {
    localStorage.isForbidden = isForbidden;
    drafts.setText("dev", `half ${isForbidden}`);
    wait(300);
  }
  assert.deepEqual(outcomes, [false, true]);
});

test("stored values that are no texts are dropped", () => {
  localStorage.setItem("trio-chat-drafts:ann", '{"texts":{"dev":5},"edits":{"id-1":{"room":"dev"},"id-2":null}}');
  assert.equal(new Drafts("ann").count(), 0);
  localStorage.setItem("trio-chat-sent:ann", '{"id-1":5}');
  assert.ok(!new SentIds("ann").has("id-1"));
});

test("the newest thousand ids are kept", () => {
  const sent = new SentIds("ann");
  for (let at = 1; at <= 1_001; at += 1) sent.add(`id-${at}`);
  const again = new SentIds("ann");
  assert.deepEqual([again.has("id-1"), again.has("id-2"), again.has("id-1001")], [false, true, true]);
  assert.ok(!new SentIds("bob").has("id-2"));
});

test("all tabs of a user share the ids", () => {
  const [one, other] = [new SentIds("ann"), new SentIds("ann")];
  one.add("id-1");
  other.add("id-2");
  reportStored("trio-chat-sent:ann");
  assert.deepEqual([one.has("id-2"), new SentIds("ann").has("id-1")], [true, true]);
});
