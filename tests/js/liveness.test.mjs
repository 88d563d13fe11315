/** Whether an open socket still works: probes after a sleep, a change of network, or a long silence. */

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeSocket, newest, pendingTimers, report, sleep, wait } from "./support/browser.mjs";
import { event, joined, reconnect, reported, start, startIn, texts, welcome } from "./support/session.mjs";

mock.method(Math, "random", () => 0.999999); // Each delay is the longest possible.

const probes = () => newest().of("leave");
const answer = () => {
  const { ref } = probes().at(-1);
  newest().receive({ type: "error", code: "not_joined", message: "You are not in this room", ref });
};
const states = () => reported.states.map(({ name }) => name);

for (const sign of ["online", "visibilitychange", "focus", "pageshow", "resume", "offline"]) {
  test(`after ${sign} a dead line is replaced within seconds, and the missed messages are there`, () => {
    const { session } = startIn(event(1));
    wait(60_000);
    report(sign);
    assert.equal(probes().length, 1);
    wait(4_999);
    assert.equal(FakeSocket.all.length, 1);
    wait(1_001);
    assert.equal(FakeSocket.all.length, 2);
    newest().open();
    newest().receive(welcome, joined(2, [event(2)], { recovered: true }));
    assert.deepEqual(texts(session), ["line 1", "line 2"]);
  });

  test(`after ${sign} a good line stays`, () => {
    startIn(event(1));
    wait(60_000);
    report(sign);
    answer();
    wait(60_000);
    assert.deepEqual([FakeSocket.all.length, probes().length, reported.errors], [1, 1, []]);
  });
}

test("a machine that slept is noticed without any event", () => {
  startIn(event(1));
  wait(8_000);
  sleep(3_600_000);
  wait(4_000);
  assert.equal(probes().length, 1);
});

test("an answer from before a sleep proves nothing", () => {
  startIn(event(1));
  sleep(3_600_000);
  report("resume");
  assert.equal(probes().length, 1);
});

test("the timers of a hidden tab are late each time, and no sleep", () => {
  startIn(event(1));
  const hiddenFor = (count) => {
    for (let at = 0; at < count; at += 1) {
      sleep(56_000);
      wait(4_000);
      newest().receive({ type: "heartbeat", time: 0 });
      if (probes().length > 0) answer();
    }
  };
  hiddenFor(5);
  assert.equal(probes().length, 1, "for the first late timer");
  sleep(600_000);
  wait(4_000);
  assert.equal(probes().length, 2, "for a sleep in between");
});

test("events that come together make one probe", () => {
  startIn(event(1));
  wait(60_000);
  for (const sign of ["visibilitychange", "pageshow"]) report(sign);
  answer();
  for (const sign of ["focus", "online"]) report(sign);
  assert.equal(probes().length, 1);
});

test("a late heartbeat drops no socket that answers", () => {
  startIn(event(1));
  for (let count = 0; count < 3; count += 1) {
    wait(79_000);
    answer();
  }
  assert.equal(FakeSocket.all.length, 1);
  wait(74_000);
  assert.equal(FakeSocket.all.length, 1);
  wait(12_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("with heartbeats there is nothing to probe", () => {
  startIn(event(1));
  for (let count = 0; count < 5; count += 1) {
    wait(60_000);
    newest().receive({ type: "heartbeat", time: 0 });
  }
  assert.deepEqual(probes(), []);
});

test("an answer behind many frames comes in time, and a frame from before the sleep is none", () => {
  startIn(event(1));
  wait(60_000);
  report("resume");
  newest().receive(event(2));
  wait(4_000);
  newest().receive(event(3));
  wait(4_999);
  assert.equal(FakeSocket.all.length, 1);
  wait(2_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("offline is shown at once, and open again after the answer", () => {
  const { session } = startIn(event(1));
  wait(60_000);
  reported.states = [];
  report("offline");
  assert.deepEqual([states(), session.isIn], [["offline"], true]);
  answer();
  assert.deepEqual(states(), ["offline", "open"]);
});

test("waking ends a wait, and the delays start again", () => {
  startIn(event(1));
  newest().lose();
  for (const seconds of [1, 2, 4]) {
    wait(seconds * 1_000);
    newest().lose();
  }
  report("pageshow");
  assert.equal(FakeSocket.all.length, 5);
  newest().lose();
  assert.equal(Math.round(reported.states.at(-1).remainingMs / 1_000), 1);
});

test("waking gives an attempt under way five seconds more", () => {
  start();
  wait(1_000);
  report("focus");
  wait(4_000);
  report("focus");
  wait(999);
  assert.equal(FakeSocket.all.length, 1);
  wait(1_001);
  assert.equal(FakeSocket.all.length, 2);
});

test("a socket that opens and brings no welcome is given up", () => {
  start();
  newest().open();
  wait(82_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("after the end no event and no timer does anything", () => {
  const { session } = startIn(event(1));
  session.leave();
  report("focus");
  assert.deepEqual([FakeSocket.all.length, pendingTimers(), probes()], [1, 0, []]);
});

test("the details tell the round trip, the queue, the last event and the last end", () => {
  const { session, room } = startIn(event(1));
  assert.equal(session.details().roundTripMs, null);
  wait(2_000);
  session.check();
  wait(40);
  answer();
  session.sendMessage(room, "hi");
  newest().receive(event(2));
  const { roundTripMs, unansweredRequests, eventAt, receivedAt, openedAt, closeCode } = session.details();
  assert.deepEqual([roundTripMs, unansweredRequests, closeCode], [40, 1, null]);
  assert.deepEqual([eventAt, receivedAt, openedAt], [Date.now(), Date.now(), Date.now() - 2_040]);
  newest().lose(4002);
  assert.deepEqual([session.details().closeCode, session.details().openedAt], [4002, null]);
  reconnect(session);
  assert.equal(session.details().attempts, 1);
});
