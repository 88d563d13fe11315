/** What the browser stores, and the address of the page. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { goTo, reloads, report, warnings } from "./support/browser.mjs";

const storage = await import("../../static/js/storage.js");
const login = await import("../../static/js/login.js");

const request = { ref: "r", type: "message", room: "general", message: "hi", ts: 0, state: "sending", after: 0 };

const token = (subject) => `h.${Buffer.from(JSON.stringify({ sub: subject })).toString("base64url")}.s`;

test("the device secret stays, and a damaged one is replaced", () => {
  const secret = storage.deviceSecret();
  assert.match(secret, /^[0-9a-f]{32}$/);
  assert.equal(storage.deviceSecret(), secret);
  localStorage.setItem("trio-chat-device", JSON.stringify("two words"));
  assert.match(storage.deviceSecret(), /^[0-9a-f]{32}$/);
});

test("a tab keeps its name, and a new tab starts with the last one", () => {
  storage.storeName("ann");
  const tab = sessionStorage.getItem("trio-chat-name");
  sessionStorage.clear();
  storage.storeName("bob");
  sessionStorage.setItem("trio-chat-name", tab);
  assert.equal(storage.storedName(), "ann");
  sessionStorage.clear();
  assert.equal(storage.storedName(), "bob");
});

test("rooms are stored until the user leaves them", () => {
  for (const name of ["general", "dev", "dev"]) storage.storeRoom("ann", name);
  assert.deepEqual(storage.storedRooms("Ann"), ["general", "dev"]);
  assert.deepEqual(storage.storedRooms("bob"), [], "another user of this browser has other rooms");
  storage.forgetRoom("ann", "general");
  assert.deepEqual(storage.storedRooms("ann"), ["dev"]);
});

test("invalid rooms and rooms above the maximum are dropped", () => {
  const names = [5, "No Room", ...Array.from({ length: 60 }, (_, at) => `r${at}`)];
  localStorage.setItem("trio-chat-rooms:ann", JSON.stringify(names));
  assert.equal(storage.storedRooms("ann").length, 50);
  assert.equal(storage.storedRooms("ann")[0], "r0");
  localStorage.setItem("trio-chat-rooms:ann", "{");
  assert.deepEqual(storage.storedRooms("ann"), []);
});

test("a tab stores its user and the open room", () => {
  assert.equal(storage.storedTab(), null);
  storage.storeTab({ name: "ann", room: "dev" });
  assert.deepEqual(storage.storedTab(), { name: "ann", room: "dev" });
  storage.storeTab(null);
  assert.equal(storage.storedTab(), null);
  sessionStorage.setItem("trio-chat-tab", '{"name":"ann"}');
  assert.equal(storage.storedTab(), null);
});

test("unsent requests belong to their user, in any spelling of the name", () => {
  storage.storeRequests("ann", [request]);
  assert.deepEqual(storage.storedRequests("ANN"), [request]);
  assert.deepEqual(storage.storedRequests("bob"), []);
  storage.storeRequests("ann", []);
  assert.equal(sessionStorage.getItem("trio-chat-unsent:ann"), null);
});

test("a browser that forbids storage works without it", () => {
  localStorage.isForbidden = true;
  sessionStorage.isForbidden = true;
  storage.storeRoom("ann", "dev");
  assert.match(warnings[0], /does not store trio-chat-rooms/);
  assert.deepEqual(storage.storedRooms("ann"), []);
  assert.equal(storage.storedName(), "");
  login.forgetLogin();
  goTo(`/#token=${token("ann")}`);
  assert.equal(login.takeLogin().name, "ann", "the address works without storage");
  assert.equal(login.takeLogin(), null);
});

test("a token leaves the address, which keeps the rest", () => {
  goTo(`/?from=mail#room=dev&token=${token("Ann Zoë")}`);
  const { name, isFromAddress } = login.takeLogin();
  assert.deepEqual([name, isFromAddress], ["Ann Zoë", true]);
  assert.equal(location.href, "http://chat.test/?from=mail#/room/dev");
});

test("the tab keeps a token over a reload until it is forgotten", () => {
  goTo(`/#token=${token("ann")}`);
  login.takeLogin();
  assert.deepEqual(login.takeLogin(), { token: token("ann"), name: "ann", isFromAddress: false });
  login.forgetLogin();
  assert.equal(login.takeLogin(), null);
});

for (const text of ["", "x", "a.b.c", "a%20b", "<img src=x>", token(5)]) {
  test(`the token “${text}” has no name`, () => {
    goTo(`/#token=${text}`);
    const { name, token: taken } = login.takeLogin();
    assert.deepEqual([name, taken], ["", ""]);
  });
}

test("a new link in the tab is taken, or else reloads the page", () => {
  const offered = [];
  login.followNewLinks(({ name }) => {
    offered.push(name);
    return name === "ann";
  });
  for (const hash of ["#room=dev", `#token=${token("ann")}`]) {
    goTo(`/${hash}`);
    report("hashchange");
  }
  assert.deepEqual([offered, reloads], [["ann"], []]);
  goTo(`/#token=${token("bob")}`);
  report("hashchange");
  assert.deepEqual([offered, reloads.length], [["ann", "bob"], 1]);
});
