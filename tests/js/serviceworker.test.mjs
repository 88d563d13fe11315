/** What the service worker does when a person presses the notification of a room. */

import assert from "node:assert/strict";
import { test } from "node:test";

const listeners = {};
Object.assign(globalThis, { addEventListener: (type, listener) => (listeners[type] = listener) });
await import("../../static/sw.js");

/** Press the notification of the room "dev" while these tabs are open. */
async function press(...urls) {
  const done = [];
  const tabs = urls.map((url) => ({
    url,
    postMessage: (message) => done.push([url, message]),
    focus: async () => done.push([url, "focus"]),
  }));
  globalThis.clients = { matchAll: async () => tabs, openWindow: async (url) => done.push(["open", url]) };
  let work;
  const notification = { data: { room: "dev" }, close: () => done.push(["notification", "close"]) };
  listeners.notificationclick({ notification, waitUntil: (promise) => (work = promise) });
  await work;
  return done;
}

test("a press goes to the last used tab of the chat, which opens the room", async () => {
  const [echo, chat, other] = ["https://x.test/echo", "https://x.test/#/room/general", "https://x.test/"];
  assert.deepEqual(await press(echo, chat, other), [
    ["notification", "close"],
    [chat, { type: "trio-chat:open-room", room: "dev" }],
    [chat, "focus"],
  ]);
});

test("a press without a tab of the chat opens one", async () => {
  assert.deepEqual(await press(), [["notification", "close"], ["open", "/#/room/dev"]]);
});
