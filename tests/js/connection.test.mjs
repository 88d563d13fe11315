/** Reconnecting: when, how often, and when never again. */

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { FakeSocket, newest, pendingTimers, report, server, settle, wait } from "./support/browser.mjs";

const { Connection, socketUrl } = await import("../../static/js/client/connection.js");
const { backoffDelayMs, restartDelayMs } = await import("../../static/js/client/backoff.js");

let states;
const last = () => states.at(-1);

beforeEach(() => {
  states = [];
  mock.method(Math, "random", () => 0.999999); // Each delay is the longest possible.
});

function connect(token = "") {
  const handlers = { onOpen: () => {}, onText: () => {}, onState: (state) => states.push(state) };
  const connection = new Connection("ws://chat.test/ws", handlers, token);
  connection.start();
  return connection;
}

function connectAndOpen() {
  const connection = connect();
  newest().open();
  return connection;
}

for (const [failures, ceiling] of [[0, 1_000], [1, 2_000], [2, 4_000], [4, 16_000], [5, 30_000], [2_000, 30_000]]) {
  test(`after ${failures} failures the delay lies between ${ceiling / 2} and ${ceiling} ms`, () => {
    const delays = [0, 0.5, 0.999999].map((random) => backoffDelayMs(random, failures));
    assert.deepEqual(delays, [ceiling / 2, (ceiling * 3) / 4, ceiling]);
  });
}

test("the clients of a restarting server spread over half a second", () => {
  assert.deepEqual([0, 0.5, 0.999999].map(restartDelayMs), [0, 250, 500]);
});

test("a page over TLS uses wss", () => {
  assert.equal(socketUrl("/ws", "http://chat.test/?x#y"), "ws://chat.test/ws");
  assert.equal(socketUrl("/ws", "https://chat.test/"), "wss://chat.test/ws");
});

test("text goes over an open socket only", () => {
  const connection = connect();
  assert.equal(newest().url, "ws://chat.test/ws");
  assert.equal(connection.send('{"type":"hello"}'), false);
  newest().open();
  assert.equal(last().name, "open");
  assert.equal(connection.send('{"type":"hello"}'), true);
  assert.deepEqual(newest().sent, [{ type: "hello" }]);
  newest().lose();
  assert.equal(connection.send('{"type":"hello"}'), false);
});

test("each wait ends in one attempt and is longer than the one before", () => {
  connectAndOpen();
  wait(5_000);
  newest().lose();
  for (const [count, seconds] of [1, 2, 4, 8, 16, 30, 30].entries()) {
    assert.equal(Math.round(last().remainingMs / 1_000), seconds);
    assert.equal(pendingTimers(), 1);
    wait(seconds * 1_000);
    assert.equal(FakeSocket.all.length, count + 2);
    newest().lose();
  }
});

test("a wait reports its rest each second", () => {
  connectAndOpen();
  newest().lose();
  wait(1_000);
  newest().lose();
  states = [];
  wait(1_500);
  assert.deepEqual(states.map(({ remainingMs }) => remainingMs), [1_000]);
});

for (const [heldMs, seconds] of [[4_000, 2], [5_000, 1]]) {
  test(`after a connection of ${heldMs} ms the next wait takes ${seconds} s`, () => {
    connectAndOpen();
    wait(5_000);
    newest().lose();
    wait(1_000);
    newest().open();
    wait(heldMs);
    newest().lose();
    assert.equal(Math.round(last().remainingMs / 1_000), seconds);
  });
}

test("coming online ends the wait", () => {
  connectAndOpen();
  newest().lose();
  report("online");
  assert.equal(FakeSocket.all.length, 2);
});

test("repeated attempts open no second timer or socket", () => {
  const connection = connectAndOpen();
  newest().lose();
  for (let count = 0; count < 5; count += 1) {
    connection.retryNow();
    report("online");
  }
  assert.deepEqual([FakeSocket.all.length, pendingTimers()], [2, 1]);
  newest().open();
  assert.equal(pendingTimers(), 0);
});

test("an attempt without an answer ends after ten seconds, and its late close changes nothing", () => {
  connect();
  const silent = newest();
  wait(10_000);
  assert.equal(last().name, "waiting");
  assert.equal(silent.closedWith, 3001);
  wait(1_000);
  silent.lose();
  assert.deepEqual([FakeSocket.all.length, last().name], [2, "connecting"]);
});

for (const code of [1001, 1006, 1012, 1013, 4002, 4003, 4005, 4505]) {
  test(`after close code ${code} the page reconnects`, () => {
    connectAndOpen();
    newest().lose(code);
    wait(1_000);
    assert.equal(FakeSocket.all.length, 2);
  });
}

for (const code of [4010, 4500, 4501, 4503, 4504]) {
  test(`after close code ${code} the page does not reconnect`, () => {
    connectAndOpen();
    newest().lose(code);
    wait(120_000);
    report("online");
    assert.equal(FakeSocket.all.length, 1);
    assert.deepEqual([last().name, last().code], ["refused", code]);
  });
}

test("after stop the socket is closed with 1000 and nothing reconnects", () => {
  const connection = connectAndOpen();
  connection.stop();
  connection.retryNow();
  wait(120_000);
  assert.deepEqual([FakeSocket.all.length, newest().closedWith, last().name], [1, 1000, "stopped"]);
});

for (const [sign, isAnnounced, code] of [["announcement", true, 1006], ["close code", false, 1012]]) {
  test(`after a restart known by its ${sign} the page reconnects quietly within half a second`, () => {
    const connection = connectAndOpen();
    if (isAnnounced) connection.expectRestart();
    newest().lose(code);
    assert.equal(last().isQuiet, true);
    assert.ok(last().remainingMs <= 500);
    wait(500);
    newest().lose();
    assert.deepEqual([FakeSocket.all.length, last().isQuiet], [2, true]);
    wait(1_000);
    newest().lose();
    wait(2_100);
    newest().lose();
    assert.deepEqual([FakeSocket.all.length, last().isQuiet], [4, false]);
  });
}

test("the page reconnects within a second each time when nodes restart one after the other", () => {
  connectAndOpen();
  for (let count = 0; count < 5; count += 1) {
    newest().lose(1012);
    assert.ok(last().remainingMs <= 1_000);
    wait(1_000);
    newest().open();
  }
  assert.equal(FakeSocket.all.length, 6);
});

// --- tokens ---------------------------------------------------------------------------------------

const answer = (status, auth) => {
  server.fetch = async () => new Response("", { status, headers: { "chat-auth": auth } });
};

async function fail() {
  newest().lose();
  await settle();
}

test("the page offers its token as a subprotocol", () => {
  connect("a.b.c");
  assert.deepEqual(newest().protocols, ["trio-chat.v2", "bearer.a.b.c"]);
  connect();
  assert.deepEqual(newest().protocols, []);
});

test("without a token one refused handshake ends the attempts at a server that requires tokens", async () => {
  answer(200, "token");
  connect();
  await fail();
  assert.deepEqual([last().name, last().code], ["refused", 401]);
});

test("the page rejects a token only after two refused handshakes", async () => {
  answer(200, "token");
  connect("a.b.c");
  await fail();
  assert.equal(last().name, "waiting");
  wait(1_000);
  await fail();
  assert.deepEqual([last().name, last().code], ["refused", 401]);
});

test("the page rejects an accepted token only after two more refused handshakes", async () => {
  answer(200, "token");
  connect("a.b.c");
  await fail();
  wait(1_000);
  newest().open();
  await fail();
  wait(2_000);
  await fail();
  assert.equal(last().name, "waiting");
});

test("a server that accepted the page without a token is not asked for its mode", async () => {
  answer(200, "token");
  connectAndOpen();
  await fail();
  wait(1_000);
  await fail();
  assert.equal(last().name, "waiting");
});

for (const [kind, status, auth] of [["that requires no token", 200, "none"], ["that is not ready", 503, "token"]]) {
  test(`the page retries a server ${kind}`, async () => {
    answer(status, auth);
    connect();
    for (const seconds of [1, 2, 4]) {
      await fail();
      wait(seconds * 1_000);
    }
    assert.equal(FakeSocket.all.length, 4);
  });
}
