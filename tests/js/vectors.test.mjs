/** The conversations of tests/vectors, which the Python client runs too. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { newest } from "./support/browser.mjs";
import { start } from "./support/session.mjs";

const folder = new URL("../vectors/", import.meta.url);

class Player {
  #session;
  /** The names of the vector, by the client's refs. */
  #names = new Map();

  play(step) {
    if (step.connect) this.#connect(step.connect);
    else if (step.receive) newest().receive(this.#withRef(step.receive));
    else if (step.lose) newest().lose(step.lose);
    else if (step.send) this.#send(step.send, step.ref);
    else assert.deepEqual(newest().of("message").map(({ ref }) => this.#names.get(ref)), step.sent);
  }

  #connect(rooms) {
    if (this.#session === undefined) this.#session = start({ rooms: Object.keys(rooms) });
    else this.#session.retryNow();
    newest().open();
    assert.deepEqual(newest().of("hello").map((hello) => [hello.username, hello.rooms]), [["ann", rooms]]);
  }

  #send(text, name) {
    this.#session.sendMessage(this.#session.rooms.get("general"), text);
    this.#names.set(this.#session.requests.at(-1).ref, name);
  }

  #withRef(message) {
    if (message.ref === undefined) return message;
    const [ref] = [...this.#names].find(([, name]) => name === message.ref);
    return { ...message, ref };
  }

  get waiting() {
    return this.#session.requests.map(({ ref }) => this.#names.get(ref));
  }

  get acknowledged() {
    return [...this.#names.values()].filter((name) => !this.waiting.includes(name));
  }

  get rooms() {
    return Object.fromEntries([...this.#session.rooms].map(([name, room]) => [name, state(room)]));
  }
}

function state({ cursor, read, users, count, reads, unread, timeline }) {
  const marks = Object.fromEntries([...reads.values()].map(({ username, seq }) => [username, seq]));
  return { head: cursor, read, users, count, reads: marks, unread, entries: timeline.entries.map(entryOf) };
}

function entryOf({ type, kind, seq, username, message, isEdited, isDeleted }) {
  if (type === "system") return { seq, notice: kind, username };
  // A deleted message counts as deleted only.
  const marks = { ...(isEdited && !isDeleted && { isEdited }), ...(isDeleted && { isDeleted }) };
  return { seq, username, text: message, ...marks };
}

for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  const vector = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  test(`${file}: ${vector.what}`, () => {
    const player = new Player();
    for (const step of vector.steps) player.play(step);
    assert.deepEqual(player.rooms, vector.rooms);
    assert.deepEqual([player.acknowledged, player.waiting], [vector.acknowledged, vector.waiting]);
  });
}
