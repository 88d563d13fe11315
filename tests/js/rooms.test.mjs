/** The list of rooms: what is unread, the order, mentions, preferences. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { newest, reportStored } from "./support/browser.mjs";
import { event, joined, startIn } from "./support/session.mjs";

const { Preferences } = await import("../../static/js/preferences.js");
const { badgeOf, labelOf, ordered, stateOf } = await import("../../static/js/roomstate.js");
const { roomOptions } = await import("../../static/js/roomoptions.js");
const { mentions } = await import("../../static/js/mentions.js");

const wishes = (more) => ({ isPinned: false, isMuted: false, isMarked: false, notify: "mentions", ...more });

/** The state of a room with these events, of which the server knows `read`. */
function state(history, { read = 0, more = false, preference = {} } = {}) {
  const { room } = startIn();
  newest().receive(joined(history.at(-1)?.seq ?? 9, history, { read, more, epoch: "k2" }));
  return stateOf(room, wishes(preference), "ann");
}

const text = (seq, message) => event(seq, { message });
const notice = (seq) => event(seq, { type: "system", kind: "joined", message: "cat has joined" });

for (const [what, shown, badge, label] of [
  ["notices only", () => state([notice(1), notice(2)]), "", "general"],
  ["two messages", () => state([text(1, "a"), notice(2), text(3, "b")]), "2", "general, 2 unread"],
  ["a mention", () => state([text(1, "hi @Ann"), text(2, "b")]), "2", "general, 2 unread, 1 mention of you"],
  ["more below the loaded events", () => state([text(8, "a")], { read: 3, more: true }), "1+", "general, 1 or more unread"],
  ["only notices loaded", () => state([notice(8)], { read: 3, more: true }), "•", "general, possibly unread messages"],
  ["a mark", () => state([], { read: 9, preference: { isMarked: true } }), "•", "general, marked as unread"],
  ["a muted room", () => state([text(8, "@ann")], { preference: { isMuted: true } }), "", "general"],
  ["many", () => state(Array.from({ length: 120 }, (_, at) => text(at + 1, "x"))), "99+", "general, 120 unread"],
]) {
  test(`the badge and the label of a room with ${what}`, () => {
    assert.deepEqual([badgeOf(shown()), labelOf(shown())], [badge, label]);
  });
}

const room = (name, more = {}) => ({ name, unread: 0, isMarked: false, isPinned: false, activeAt: 0, ...more });
const names = (rooms, present) => ordered(rooms, present).map(({ name }) => name).join(" ");

test("pinned rooms come first, then unread ones, then the active ones", () => {
  const rooms = [
    room("b"),
    room("a"),
    room("active", { activeAt: 5 }),
    room("unread", { unread: 1, activeAt: 1 }),
    room("marked", { isMarked: true }),
    room("pinned", { isPinned: true }),
    room("both", { isPinned: true, unread: 1 }),
  ];
  assert.equal(names(rooms), "both pinned unread marked active a b");
});

test("an order that must not change keeps its rooms, and new ones follow", () => {
  const rooms = [room("a"), room("b", { unread: 1 }), room("c"), room("d", { unread: 1 })];
  assert.equal(names(rooms, ["a", "b"]), "a b d c");
});

for (const [message, name, isMentioned] of [
  ["hi @ann!", "Ann", true],
  ["@ANN", "ann", true],
  ["> look, **@ann**", "ann", true],
  ["- one\n- @ann", "ann", true],
  ["(@Ann Lee)", "ann lee", true],
  ["@Ann Leeds", "ann lee", false],
  ["@anna", "ann", false],
  ["mail@ann", "ann", false],
  ["`@ann`", "ann", false],
  ["```\n@ann\n```", "ann", false],
  ["https://x.test/@ann", "ann", false],
  ["ann", "ann", false],
]) {
  test(`“${message}” ${isMentioned ? "mentions" : "does not mention"} ${name}`, () => {
    assert.equal(mentions(message, name), isMentioned);
  });
}

test("an edit changes whether a message mentions the user", () => {
  const { room: general } = startIn(text(1, "hi @ann"));
  const count = () => stateOf(general, wishes(), "ann").mentions;
  assert.equal(count(), 1);
  newest().receive(event(2, { type: "edited", id: "e", target: "id-1", message: "hi all" }));
  assert.equal(count(), 0);
});

test("preferences are stored for each user, and other tabs follow", () => {
  let changes = 0;
  const preferences = new Preferences("ann", () => (changes += 1));
  preferences.set("dev", { isPinned: true });
  preferences.set("dev", { isPinned: true });
  assert.equal(changes, 1);
  assert.deepEqual(new Preferences("Ann", () => {}).of("dev"), wishes({ isPinned: true }));
  assert.deepEqual(new Preferences("bob", () => {}).of("dev"), wishes());
  localStorage.setItem("trio-chat-preferences:ann", JSON.stringify({ dev: { isMuted: true, notify: "loud" }, ops: 1 }));
  reportStored("trio-chat-preferences:ann");
  assert.deepEqual([changes, preferences.of("dev"), preferences.of("ops")], [2, wishes({ isMuted: true }), wishes()]);
  preferences.set("dev", { isMuted: false });
  assert.equal(localStorage.getItem("trio-chat-preferences:ann") === null, false, "ops is stored as it was read");
});

test("the menu of a room changes its preferences, and offers what has an effect", () => {
  const preferences = new Preferences("ann", () => {});
  const left = [];
  const options = (isOn, onLeave) => {
    const room = { name: "dev", ...preferences.of("dev") };
    return roomOptions(room, preferences, { settings: { isOn } }, onLeave);
  };
  const labels = (...how) => options(...how).map(({ label }) => label);
  assert.deepEqual(labels(false, null), ["Pin to the top", "Mute", "Mark as unread"]);
  const levels = ["All messages", "Mentions of me", "Nothing"];
  assert.deepEqual(labels(true, null).slice(3), levels);
  for (const label of ["Pin to the top", "Mute", "Nothing", "Leave dev"]) {
    options(true, (name) => left.push(name)).find((one) => one.label === label).act();
  }
  assert.deepEqual(preferences.of("dev"), wishes({ isPinned: true, isMuted: true, notify: "none" }));
  assert.deepEqual(left, ["dev"]);
  const checked = options(true, null).filter(({ isChecked }) => isChecked);
  assert.deepEqual(checked.map(({ label }) => label), ["Pin to the top", "Mute", "Nothing"]);
});

test("a visit ends the mark, and the last visited room comes first", () => {
  const preferences = new Preferences("ann", () => {});
  preferences.set("dev", { isMarked: true });
  for (const name of ["dev", "ops", "dev"]) preferences.visit(name);
  assert.equal(preferences.of("dev").isMarked, false);
  assert.deepEqual(preferences.past, ["dev", "ops"]);
});
