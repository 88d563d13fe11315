/** The client package against the real server: that the parts are connected. */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ChatServer } from "./support/server.mjs";

const { fetchAuthMode, newRef, Session } = await import("../../static/js/client/index.js");

const server = new ChatServer();
const sessions = [];
before(() => server.start());
afterEach(() => {
  for (const session of sessions.splice(0)) session.end();
});
after(() => server.close());

/** A session, with what it has reported. `until` waits for a fact about it. */
class Client {
  errors = [];
  refusals = [];
  #changed = () => {};

  constructor(name, { device = newRef(), rooms = ["general"] } = {}) {
    const changed = () => this.#changed();
    this.session = new Session(server.url, { name, device, rooms }, {
      onState: changed,
      onRoom: changed,
      onUnsent: changed,
      onError: (error) => changed(this.errors.push(error)),
      onRefused: (refusal) => changed(this.refusals.push(refusal)),
    });
    sessions.push(this.session);
    this.session.join();
  }

  get room() {
    return this.session.rooms.values().next().value;
  }

  /** The present texts of the room's messages. */
  get texts() {
    return this.room.timeline.entries.filter(({ type }) => type === "message").map(({ message }) => message);
  }

  send(text) {
    this.session.sendMessage(this.room, text);
  }

  async until(isTrue) {
    while (!isTrue()) await new Promise((resolve) => (this.#changed = resolve));
  }

  async shows(...texts) {
    await this.until(() => JSON.stringify(this.texts) === JSON.stringify(texts));
  }
}

const limited = { timeout: 60_000 };

test("two users exchange messages, edits, deletes and marks", limited, async () => {
  const [ann, bob] = [new Client("ann"), new Client("bob")];
  await bob.until(() => bob.room.users.length === 2);
  ann.send("one");
  ann.send("two");
  await bob.shows("one", "two");
  await ann.shows("one", "two");
  assert.equal(bob.room.unread, 2);
  const [one, two] = ann.room.timeline.entries.filter(({ type }) => type === "message");
  ann.session.edit(ann.room, one.id, "one, edited");
  ann.session.delete(ann.room, two.id);
  await bob.shows("one, edited", "");
  bob.session.markRead(bob.room, bob.room.cursor);
  await ann.until(() => ann.room.reads.get("bob")?.seq === bob.room.cursor);
});

test("a killed server loses, repeats and reorders nothing", limited, async () => {
  const [ann, bob] = [new Client("ann", { rooms: ["kills"] }), new Client("bob", { rooms: ["kills"] })];
  await bob.until(() => bob.room.users.length === 2);
  const texts = Array.from({ length: 30 }, (_, at) => `text ${at}`);
  for (const text of texts.slice(0, 15)) ann.send(text);
  await bob.until(() => bob.texts.length >= 5);
  await server.kill();
  for (const text of texts.slice(15)) ann.send(text);
  await server.start();
  for (const { session } of [ann, bob]) session.retryNow();
  await bob.shows(...texts);
  await ann.shows(...texts);
  await ann.until(() => ann.session.requests.length === 0);
});

test("the server answers a probe, which nobody sees", limited, async () => {
  const ann = new Client("ann");
  await ann.until(() => ann.room.isJoined);
  const { openedAt } = ann.session.details();
  const now = Date.now;
  Date.now = () => now() + 2_000; // The welcome proves the line for a second.
  ann.session.check();
  Date.now = now;
  ann.send("after the probe");
  await ann.until(() => ann.session.requests.length === 0);
  assert.ok(ann.session.details().roundTripMs >= 0);
  assert.deepEqual([ann.errors, ann.session.details().openedAt], [[], openedAt]);
});

test("the server lets exactly the device edit that the package lets edit", limited, async () => {
  const [here, there] = [new Client("ann", { rooms: ["devices"] }), new Client("ann", { rooms: ["devices"] })];
  await there.until(() => there.room.isJoined);
  here.send("from here");
  await there.shows("from here");
  await here.until(() => here.session.requests.length === 0 && here.texts.length === 1);
  const message = here.room.timeline.entries.at(-1);
  assert.deepEqual([here, there].map(({ session }) => session.mayEdit(message)), [true, false]);
  there.session.edit(there.room, message.id, "from there");
  await there.until(() => there.session.requests[0]?.errorCode === "forbidden");
});

test("a name that the server rejects ends the session with its reason", limited, async () => {
  const nobody = new Client("bell\u0007");
  await nobody.until(() => nobody.refusals.length === 1);
  assert.deepEqual([nobody.refusals[0].code, nobody.refusals[0].error.code], [4501, "bad_request"]);
});

test("the server says that it requires no token", limited, async () => {
  assert.equal(await fetchAuthMode(server.url), "none");
});
