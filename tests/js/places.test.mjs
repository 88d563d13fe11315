/** The rooms in the address and in the browser's history. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { goTo, report } from "./support/browser.mjs";

const { placeInAddress } = await import("../../static/js/address.js");
const { Places } = await import("../../static/js/places.js");

/** The entries of the tab: the state and the address of each. */
let entries = [];
let at = 0;
let opened = [];
let closed = 0;

globalThis.history = {
  get state() {
    return entries[at].state;
  },
  replaceState(state, _title, url) {
    entries[at] = { state, url };
    goTo(url);
  },
  pushState(state, _title, url) {
    entries = [...entries.slice(0, at + 1), { state, url }];
    at += 1;
    goTo(url);
  },
  back: () => go(-1),
  forward: () => go(1),
};

function go(step) {
  at += step;
  goTo(entries[at].url);
  report("popstate");
}

/** A person types an address after the `#`, or follows a link to it. */
function type(hash) {
  entries = [...entries.slice(0, at + 1), { state: null, url: `/${hash}` }];
  at += 1;
  goTo(`/${hash}`);
  for (const event of ["popstate", "hashchange"]) report(event);
}

/** A chat that opens every place. */
function chat() {
  const places = new Places({
    onPlace: (place) => {
      opened.push(place.seq === 0 ? place.room : `${place.room} ${place.seq}`);
      places.show(place);
    },
    onBack: () => {
      closed += 1;
    },
  });
  return places;
}

const room = (name) => ({ room: name, seq: 0 });

beforeEach(() => {
  entries = [{ state: { failedLoads: 0 }, url: "/?from=mail" }];
  goTo("/?from=mail");
  at = 0;
  opened = [];
  closed = 0;
});

for (const [hash, place] of [
  ["#/room/dev", { room: "dev", seq: 0 }],
  ["#/room/dev/1234", { room: "dev", seq: 1234 }],
  ["#/room/Dev", { room: "dev", seq: 0 }],
  ["#room=dev", { room: "dev", seq: 0 }],
  ["#/room/no%20room", { room: "", seq: 0 }],
  ["#/room/dev/1/2", { room: "", seq: 0 }],
  ["#/room/dev/-1", { room: "", seq: 0 }],
  ["", { room: "", seq: 0 }],
]) {
  test(`the address “${hash}” names ${JSON.stringify(place)}`, () => {
    goTo(`/${hash}`);
    assert.deepEqual(placeInAddress(), place);
  });
}

test("Back returns to the room before, and Forward to the next one", () => {
  const places = chat();
  for (const name of ["general", "dev", "dev", "ops"]) places.show(room(name));
  assert.equal(location.href, "http://chat.test/?from=mail#/room/ops");
  history.back();
  history.back();
  history.forward();
  assert.deepEqual(opened, ["dev", "general", "dev"]);
});

test("Back stays in the chat until the person leaves it", () => {
  const places = chat();
  places.show(room("general"));
  history.back();
  assert.deepEqual([at, opened, location.hash], [1, [], "#/room/general"]);
  places.leave(true);
  assert.equal(location.href, "http://chat.test/?from=mail");
  history.back();
  assert.equal(at, 0);
});

test("a reload keeps the entries, and adds no second ground", () => {
  chat().show(room("general"));
  report("pagehide");
  const before = entries.length;
  chat().show(room("general"));
  assert.equal(entries.length, before);
});

test("Back closes a layer and stays in the room", () => {
  const places = chat();
  places.show(room("general"));
  places.addLayer();
  history.back();
  assert.deepEqual([closed, opened, at], [1, [], 1]);
  places.addLayer();
  places.removeLayer();
  assert.deepEqual([opened, at], [[], 1]);
  places.addLayer();
  places.show(room("dev"));
  assert.deepEqual(entries.slice(1).map(({ url }) => url), ["/?from=mail#/room/general", "/?from=mail#/room/dev"]);
});

test("a link in the tab opens its room or its message, once", () => {
  const places = chat();
  places.show(room("general"));
  for (const hash of ["#room=ops", "#/room/ops/7", "#/room/none%20such", "#token=x"]) type(hash);
  assert.deepEqual(opened, ["ops", "ops 7"]);
  assert.equal(location.hash, "#token=x", "login.js takes the token");
});

test("nobody who is not in the chat opens a room by a link", () => {
  chat();
  type("#/room/ops");
  assert.deepEqual(opened, []);
});
