/** Which messages the page notifies of. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { newest, settle } from "./support/browser.mjs";
import { event, joined, reconnect, startIn } from "./support/session.mjs";

const { Notifications } = await import("../../static/js/notifications.js");

/** The notifications that the browser shows, by their tag. */
const shown = new Map();

class FakeNotification extends EventTarget {
  static permission = "default";
  static asked = 0;
  static async requestPermission() {
    FakeNotification.asked += 1;
    FakeNotification.permission = FakeNotification.answer;
  }

  constructor(title, options) {
    super();
    if (FakeNotification.isForbidden) throw new TypeError("Illegal constructor"); // as on Android
    Object.assign(this, { title, ...options });
    shown.set(options.tag, this);
  }

  close() {
    if (shown.get(this.tag) === this) shown.delete(this.tag);
  }
}
globalThis.Notification = FakeNotification;
globalThis.focus = () => {};

const wishes = (more) => ({ isPinned: false, isMuted: false, isMarked: false, notify: "mentions", ...more });
const texts = () => [...shown.values()].map(({ title, body }) => [title, body]);

let opened = [];
let notifications;

/** A room in a tab out of view, with notifications. */
async function hidden(settings = {}) {
  const started = startIn(event(1, { message: "old @ann" }));
  notifications = new Notifications("ann", (room) => opened.push(room));
  await notifications.turnOn();
  notifications.set(settings);
  document.hidden = true;
  notifications.look(started.room, wishes(), "ann");
  return started;
}

/** bob writes. */
function write(room, seq, message, preference = {}) {
  newest().receive(event(seq, { message }));
  notifications.look(room, wishes(preference), "ann");
}

beforeEach(() => {
  shown.clear();
  opened = [];
  Object.assign(FakeNotification, { permission: "default", answer: "granted", asked: 0, isForbidden: false });
  delete navigator.serviceWorker;
  document.hidden = false;
});

test("a mention notifies once, and shows no text unless the person allows it", async () => {
  const { room } = await hidden();
  write(room, 2, "nothing for you");
  assert.deepEqual(texts(), []);
  write(room, 3, "@ann look");
  assert.deepEqual(texts(), [["bob in general", ""]]);
  shown.clear();
  notifications.look(room, wishes(), "ann");
  assert.deepEqual(texts(), []);
  notifications.set({ hasText: true });
  write(room, 4, "@ann \u202elook");
  assert.deepEqual(texts(), [["bob in general", "@ann \ufffdlook"]]);
});

for (const [preference, message, isShown] of [
  [{ notify: "all" }, "hello", true],
  [{ notify: "none" }, "@ann", false],
  [{ notify: "all", isMuted: true }, "@ann", false],
]) {
  test(`${JSON.stringify(preference)} ${isShown ? "notifies" : "does not notify"} of “${message}”`, async () => {
    const { room } = await hidden();
    write(room, 2, message, preference);
    assert.equal(shown.size, isShown ? 1 : 0);
  });
}

test("nothing notifies while the tab is in view, nor of own messages", async () => {
  const { room } = await hidden();
  newest().receive(event(2, { username: "Ann", message: "@ann" }));
  notifications.look(room, wishes({ notify: "all" }), "ann");
  document.hidden = false;
  write(room, 3, "@ann");
  document.hidden = true;
  write(room, 4, "hello");
  assert.deepEqual(texts(), []);
});

test("a room has one notification, which reading closes and a press opens", async () => {
  const { session, room } = await hidden();
  for (const seq of [2, 3]) write(room, seq, "@ann");
  assert.equal(shown.size, 1);
  const [notification] = shown.values();
  notification.dispatchEvent(new Event("click"));
  assert.deepEqual([opened, shown.size], [["general"], 0]);
  write(room, 4, "@ann");
  session.markRead(room, 4);
  notifications.look(room, wishes(), "ann");
  assert.equal(shown.size, 0);
});

test("messages missed during a loss notify, those before the page was open do not", async () => {
  const { session, room } = await hidden();
  assert.deepEqual(texts(), []);
  reconnect(session);
  newest().receive(joined(2, [event(2, { message: "@ann" })], { recovered: true }));
  notifications.look(room, wishes(), "ann");
  assert.deepEqual(texts(), [["bob in general", ""]]);
});

test("the browser is asked only by the switch, and its refusal switches off", async () => {
  FakeNotification.answer = "denied";
  const { room } = startIn();
  notifications = new Notifications("ann", () => {});
  document.hidden = true;
  notifications.look(room, wishes(), "ann");
  assert.deepEqual([FakeNotification.asked, notifications.settings.isOn], [0, false]);
  assert.equal(await notifications.turnOn(), false);
  assert.deepEqual([FakeNotification.asked, notifications.settings.isOn], [1, false]);
});

/** A service worker that shows notifications, or refuses to. */
function fakeWorker({ refuses = false } = {}) {
  const notes = new Map();
  const registration = {
    async showNotification(title, options) {
      if (refuses) throw new TypeError("no active worker");
      notes.set(options.tag, { title, ...options, close: () => notes.delete(options.tag) });
    },
    getNotifications: async ({ tag }) => [...notes.values()].filter((note) => note.tag === tag),
  };
  navigator.serviceWorker = { ready: Promise.resolve(registration) };
  return notes;
}

test("a service worker shows the notifications, reading closes one, and a press opens its room", async () => {
  FakeNotification.isForbidden = true;
  const notes = fakeWorker();
  const { session, room } = await hidden();
  write(room, 2, "@ann");
  assert.deepEqual([...notes.values()].map(({ title, data }) => [title, data]), [["bob in general", { room: "general" }]]);
  navigator.serviceWorker.onmessage({ data: { type: "trio-chat:open-room", room: "general" } });
  navigator.serviceWorker.onmessage({ data: { type: "other" } });
  assert.deepEqual(opened, ["general"]);
  session.markRead(room, 2);
  notifications.look(room, wishes(), "ann");
  await settle();
  assert.equal(notes.size, 0);
});

test("a page whose service worker fails shows the notification itself", async () => {
  fakeWorker({ refuses: true });
  const { room } = await hidden();
  write(room, 2, "@ann");
  await settle();
  assert.deepEqual(texts(), [["bob in general", ""]]);
  FakeNotification.isForbidden = true;
  write(room, 3, "@ann");
  assert.deepEqual([notifications.permission, notifications.settings.isOn], ["missing", false]);
});

test("a browser that can show no notifications says so, until a service worker is there", async () => {
  FakeNotification.isForbidden = true;
  let isReady = () => {};
  navigator.serviceWorker = { ready: new Promise((resolve) => (isReady = resolve)) };
  notifications = new Notifications("ann", () => {});
  assert.equal(await notifications.turnOn(), false);
  assert.deepEqual([notifications.permission, notifications.settings.isOn], ["missing", false]);
  isReady({});
  await settle();
  assert.equal(await notifications.turnOn(), true);
  assert.equal(notifications.permission, "granted");
});

test("switching on leaves no notification", async () => {
  notifications = new Notifications("ann", () => {});
  assert.equal(await notifications.turnOn(), true);
  assert.equal(shown.size, 0);
});
