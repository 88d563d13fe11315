/** A room: changes of messages, older history, read markers, unread counts, notices. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { newest, wait } from "./support/browser.mjs";
import { acknowledge, event, joined, lines, messages, own, readers, reconnect, reject, start, startIn, texts } from "./support/session.mjs";

const presence = (more) => ({ type: "presence", room: "general", online: [], offline: [], ...more });

test("an edit and a delete change their message and advance the cursor", () => {
  const { session, room } = startIn(event(1), event(2));
  newest().receive(
    event(3, { type: "edited", id: "e", target: "id-1", message: "changed" }),
    event(4, { type: "deleted", id: "d", target: "id-2", message: "" }),
    event(5, { type: "edited", id: "f", target: "unknown", message: "old" }),
    event(6),
  );
  assert.deepEqual(
    messages(session).map(({ text, isEdited, isDeleted }) => [text, isEdited, isDeleted]),
    [["changed", true, false], ["", false, true], ["line 6", false, false]],
  );
  assert.equal(room.cursor, 6);
});

test("an own edit shows at once and goes back after a rejection", () => {
  const { session, room } = startIn(own(1, "good"));
  const look = () => messages(session).map(({ text, state, failed }) => [text, state, failed])[0];
  session.edit(room, "id-1", "better");
  assert.deepEqual(look(), ["better", "sending", undefined]);
  const [{ ref }] = newest().of("edit");
  reject("forbidden", "Not yours.");
  assert.deepEqual(look(), ["better", "failed", "edit"]);
  session.discard(room, ref);
  assert.deepEqual(look(), ["good", "sent", undefined]);
  session.edit(room, "id-1", "best");
  acknowledge("e", 2);
  assert.deepEqual(look(), ["best", "sent", undefined]);
});

test("a new edit or delete replaces a failed one of the same message only", () => {
  const { session, room } = startIn(own(1, "good"), own(2, "fine"));
  const left = () => session.requests.map(({ type, id, message }) => [type, id, message]);
  for (const id of ["id-1", "id-2"]) {
    session.edit(room, id, "better");
    reject("forbidden", "Not yours.");
  }
  session.edit(room, "id-1", "best");
  assert.deepEqual(left(), [["edit", "id-2", "better"], ["edit", "id-1", "best"]]);
  reject("forbidden", "Not yours.");
  session.delete(room, "id-1");
  assert.deepEqual(left(), [["edit", "id-2", "better"], ["delete", "id-1", undefined]]);
  acknowledge("d", 3);
  assert.equal(messages(session)[0].isDeleted, true);
});

test("older history appears before the rest, with later changes applied", () => {
  const { session, room } = startIn();
  newest().receive({ ...joined(4, [event(3), event(4)]), more: true, epoch: "k9" });
  session.loadOlder(room);
  session.loadOlder(room);
  assert.equal(newest().of("history").length, 1);
  const [{ ref, before, limit }] = newest().of("history");
  assert.deepEqual([before, limit], [3, 50]);
  newest().receive(event(5, { type: "deleted", id: "d", target: "id-1", message: "" }), {
    type: "history", room: "general", ref, more: false, history: [event(1), event(2, { edited: true, message: "changed" })],
  });
  session.loadOlder(room);
  assert.deepEqual(messages(session).map(({ text, isDeleted }) => (isDeleted ? "gone" : text)), ["gone", "changed", "line 3", "line 4"]);
  assert.equal(newest().of("history").length, 1);
});

test("each older page starts where the last one ended, up to an empty one", () => {
  const { session, room } = startIn();
  newest().receive({ ...joined(9, [event(9)]), more: true, epoch: "k2" });
  const answer = (history) => {
    session.loadOlder(room);
    const { ref } = newest().of("history").at(-1);
    newest().receive({ type: "history", room: "general", ref, more: true, history });
  };
  answer([event(7), event(8, { type: "edited", target: "id-7", message: "changed" }), event(9)]);
  assert.deepEqual(texts(session), ["changed", "line 9"]);
  answer([]);
  session.loadOlder(room);
  assert.deepEqual(newest().of("history").map(({ before }) => before), [9, 7]);
});

test("after a loss the page asks for the older events again", () => {
  const { session, room } = startIn();
  newest().receive({ ...joined(9, [event(9)]), more: true, epoch: "k2" });
  session.loadOlder(room);
  reconnect(session);
  newest().receive(joined(9, [], { epoch: "k2", recovered: true }));
  session.loadOlder(room);
  assert.equal(newest().of("history").length, 1);
});

test("a page of history from before a replacement is ignored", () => {
  const { session, room } = startIn();
  newest().receive({ ...joined(9, [event(8), event(9)]), more: true, epoch: "k2" });
  session.loadOlder(room);
  const [{ ref }] = newest().of("history");
  newest().receive({ ...joined(801, [event(801)]), more: true, epoch: "k3" });
  newest().receive({ type: "history", room: "general", ref, more: false, history: [event(7)] });
  session.loadOlder(room);
  assert.deepEqual(texts(session), ["line 801"]);
  assert.deepEqual(newest().of("history").map(({ before }) => before), [8, 801]);
});

test("a long conversation drops its oldest entries and can load them again", () => {
  const { session, room } = startIn();
  for (let seq = 1; seq <= 1200; seq += 1) newest().receive(event(seq));
  room.timeline.trim(1000);
  assert.equal(messages(session).length, 1000);
  assert.equal(texts(session)[0], "line 201");
  session.loadOlder(room);
  assert.equal(newest().of("history")[0].before, 201);
});

test("unread counts the messages of others above the read marker", () => {
  const { room } = startIn();
  const again = (head, history, read) => newest().receive(joined(head, history, { read, epoch: `k-${read}-${head}` }));
  again(60, [event(55), event(56), own(57, "mine"), event(58), event(59), event(60)], 56);
  assert.equal(room.unread, 3);
  again(60, [event(59), event(60)], 50);
  assert.equal(room.unread, 2);
  newest().receive(event(61, { type: "system", message: "cat has joined" }), event(62));
  assert.equal(room.unread, 3);
  assert.equal(room.activeAt, event(62).ts);
  newest().receive(event(63, { type: "deleted", id: "d", target: "id-62", message: "" }));
  assert.equal(room.unread, 2);
  newest().receive({ type: "read", room: "general", username: "ann", seq: 59 });
  assert.equal(room.unread, 1);
});

test("read markers go once a second, never backwards, and again after a loss", () => {
  const { session, room } = startIn(...[1, 2, 3, 4, 5].map((seq) => event(seq)));
  for (const seq of [1, 3, 2, 4]) session.markRead(room, seq);
  wait(1_100);
  assert.deepEqual(newest().of("read").map(({ seq }) => seq), [1, 4]);
  session.markRead(room, 5);
  reconnect(session);
  newest().receive(joined(5, [], { recovered: true, read: 4 }));
  wait(1_100);
  assert.deepEqual(newest().of("read").map(({ seq }) => seq), [5]);
});

test("the read markers of all rooms go in one batch, each once", () => {
  const { session, room } = startIn(event(1), event(2), event(3));
  session.joinRoom("dev");
  newest().receive(joined(3, [], { room: "dev" }));
  const dev = session.rooms.get("dev");
  session.markRead(room, 1);
  session.markRead(room, 2);
  session.markRead(dev, 1);
  wait(1_000);
  session.markRead(dev, 2);
  wait(1_000);
  const sent = newest().of("read").map(({ room: name, seq }) => [name, seq]);
  assert.deepEqual(sent, [["general", 1], ["general", 2], ["dev", 1], ["dev", 2]]);
});

test("a read marker of a lost connection or a replaced history is not sent", () => {
  const { session, room } = startIn(...[1, 2, 3].map((seq) => event(seq)));
  assert.deepEqual([session.markRead(room, 1), session.markRead(room, 1)], [true, false]);
  session.markRead(room, 2);
  newest().receive(joined(1, [event(1)], { epoch: "k2" }));
  wait(1_100);
  assert.deepEqual(newest().of("read").map(({ seq }) => seq), [1]);
  session.markRead(room, 1);
  newest().receive(event(2));
  session.markRead(room, 2);
  reconnect(session);
  wait(1_100);
  assert.deepEqual(newest().of("read"), []);
});

test("a room that is not open keeps 200 entries", () => {
  const { room } = startIn(...Array.from({ length: 210 }, (_, at) => event(at + 1)));
  room.shrink();
  assert.deepEqual([room.timeline.entries.length, room.timeline.hasOlder], [200, true]);
});

test("of events that are not loaded nobody knows whether they are unread messages", () => {
  const { session, room } = startIn();
  const look = () => [room.unread, room.mayHaveMoreUnread];
  assert.deepEqual(look(), [0, false]);
  newest().receive(joined(10, [event(9), event(10)], { read: 7, epoch: "k2", more: true }));
  assert.deepEqual(look(), [2, true]);
  session.loadOlder(room);
  const notice = event(8, { type: "system", message: "cat has joined" });
  const [{ ref }] = newest().of("history");
  newest().receive({ type: "history", room: "general", history: [notice], more: true, ref });
  assert.deepEqual(look(), [2, false]);
});

test("a loss clears the list of typists, which never has the user", () => {
  const { room } = startIn();
  const typing = (username) => ({ type: "typing", room: "general", username, isTyping: true });
  newest().receive(typing("bob"), typing("ann"));
  assert.deepEqual([...room.typing.values()], ["bob"]);
  newest().lose();
  assert.equal(room.typing.size, 0);
});

test("each reader appears under the newest message they read, but no author under an own one", () => {
  const { session } = startIn();
  newest().receive(
    joined(4, [event(1), event(2, { username: "cat" }), event(3), event(4)], {
      epoch: "k2",
      reads: { bob: 4, cat: 2, dora: 3, eve: 0 },
    }),
    { type: "read", room: "general", username: "eve", seq: 3 },
  );
  const look = () => ({ upTo: readers(session).upTo, ...Object.fromEntries(readers(session).by) });
  assert.deepEqual(look(), { upTo: 4, "id-3": ["dora", "eve"] });
  newest().receive(presence({ count: 200 }));
  assert.equal(look().upTo, 4);
  newest().receive(presence({ online: ["fay"], count: 201 }));
  assert.deepEqual(look(), { upTo: 0 }, "a large room names no readers");
});

test("presence brings changes, and a large room lists its first 200 members", () => {
  const { room } = startIn();
  newest().receive(presence({ online: ["cat"], offline: ["bob"], count: 2 }));
  assert.deepEqual(room.users, ["ann", "cat"]);
  newest().receive(presence({ online: ["dora"] }));
  assert.equal(room.count, 3, "a missing count is that of the names");
  newest().receive(presence({ online: Array.from({ length: 300 }, (_, at) => `user ${at}`), count: 5_000 }));
  assert.equal(room.users.length, 200);
  assert.equal(room.count, 5_000);
});

test("a notice is known by its kind, never by its text", () => {
  const notice = (seq, more) => event(seq, { type: "system", username: undefined, ...more });
  const { session, room } = startIn(
    notice(1, { kind: "joined", username: "ann has left the chat. bob", message: "J" }),
    notice(3, { kind: "topic", username: "bob", message: "bob has joined the chat" }),
    notice(4, { message: "bob has left the chat" }),
  );
  const notices = () => lines(session).filter(({ kind }) => kind === "notice").map(({ parts, text }) => parts ?? text);
  assert.deepEqual(notices(), [
    [{ kind: "joined", names: ["ann has left the chat. bob"], more: 0 }],
    "bob has joined the chat",
    "bob has left the chat",
  ]);
  session.sendMessage(room, "bob has left the chat");
  reconnect(session);
  newest().receive(
    joined(5, [notice(5, { kind: "left", username: "bob", message: "bob has left the chat" })], { recovered: true }),
  );
  assert.deepEqual(texts(session), ["bob has left the chat"], "a notice is no copy of a message");
});

test("a divider marks the first new message of others", () => {
  const { session } = startIn(event(1), own(2, "mine"), event(3));
  const look = (newFrom) => lines(session, newFrom).map(({ key }) => key);
  assert.deepEqual(look(1), ["top", "day-2023-11-14", "id-1", "id-2", "new", "id-3"]);
  assert.deepEqual(look(0), ["top", "day-2023-11-14", "id-1", "id-2", "id-3"]);
  assert.deepEqual(look(3), ["top", "day-2023-11-14", "id-1", "id-2", "id-3"]);
});

test("an unknown room has no heading", () => assert.deepEqual(lines(start()), []));

test("messages of one author within five minutes form a group, of twelve at most", () => {
  const at = (minutes) => ({ ts: minutes * 60_000 });
  const { session } = startIn(event(1, at(0)), event(2, at(4)), event(3, at(9)), event(4, { ...at(9), username: "cat" }));
  assert.deepEqual(messages(session).map(({ isContinued }) => isContinued), [false, true, false, false]);
  const many = startIn(...Array.from({ length: 14 }, (_, number) => event(number + 1, at(number / 10))));
  assert.deepEqual(
    messages(many.session).flatMap(({ isContinued }, number) => (isContinued ? [] : [number])),
    [0, 12],
  );
});

const HOUR = 3_600_000;
const came = (seq, username, ts) => event(seq, { type: "system", kind: "joined", username, ts, message: "" });
const went = (seq, username, ts) => event(seq, { type: "system", kind: "left", username, ts, message: "" });

test("notices that follow each other are one line, with each user once", () => {
  const { session } = startIn(
    ...["ann", "cat", "dora", "eve"].map((name, at) => came(at + 1, name, HOUR)),
    came(5, "bob", HOUR),
    went(6, "bob", HOUR),
    event(7, { ts: HOUR }),
    went(8, "cat", HOUR),
  );
  const [fold, single] = lines(session).filter(({ kind }) => kind === "notice");
  assert.deepEqual(fold.parts, [
    { kind: "joined", names: ["ann", "cat"], more: 2 },
    { kind: "left", names: ["bob"], more: 0 },
  ]);
  assert.deepEqual([fold.key, fold.seq, fold.count], ["id-1", 6, 6]);
  assert.deepEqual([single.parts[0].names, single.count], [["cat"], 1]);
});

test("each day begins with its name, relative to today", () => {
  const now = new Date(2026, 0, 2, 12);
  const ts = (...day) => ({ ts: new Date(...day).getTime() });
  const { session } = startIn(
    event(1, ts(2025, 11, 24, 23, 59)),
    event(2, ts(2026, 0, 1, 0, 0)),
    event(3, ts(2026, 0, 1, 23, 59)),
    event(4, ts(2026, 0, 2, 0, 0)),
  );
  const days = lines(session, 3, now).map(({ kind, text, key }) => (kind === "day" || key === "new" ? text : "·"));
  assert.match(days[1], /2025/);
  assert.deepEqual([...days.slice(0, 1), ...days.slice(2)], ["·", "·", "Yesterday", "·", "·", "Today", "New", "·"]);
});

test("a history that cannot be resumed is replaced, under a heading", () => {
  const { session } = startIn(event(1));
  const look = () => [lines(session)[0].text, texts(session)];
  assert.deepEqual(look(), ["The beginning of this room", ["line 1"]]);
  reconnect(session);
  newest().receive(joined(901, [event(900), event(901)], { more: true }));
  assert.deepEqual(look(), ["You missed many messages. Scroll up to read them", ["line 900", "line 901"]]);
  reconnect(session);
  newest().receive(joined(1, [event(1, { id: "other" })], { epoch: "k2" }));
  assert.deepEqual(look(), ["The server restored another history. Messages that are not here are lost", ["line 1"]]);
});

