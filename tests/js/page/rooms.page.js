/** The list of rooms, and what calls a person back to it. */

import { all, drawn, equal, join, ok, one, server, until, write } from "./support.js";

const shownRooms = () => all("#rooms-list .room:not([hidden]) .room-label").map((label) => label.textContent.trim());
const button = (name) => one(`[data-room="${name}"] .room-open`);

async function joinRooms(...names) {
  localStorage.setItem("trio-chat-rooms:ann", JSON.stringify(["general", ...names]));
  await join();
  await until("rooms", () => shownRooms().length === names.length + 1);
}

export const tests = {
  "the filter of many rooms shows those that match, Enter opens the first, and Escape shows all": async () => {
    await joinRooms("a1", "a2", "b1", "b2", "b3", "c1", "c2");
    ok(one("#rooms-filter").hidden, "eight rooms need no filter");
    write(one("#room-field"), "dev-b");
    one("#rooms-form").requestSubmit();
    await until("filter", () => !one("#rooms-filter").hidden);
    const filter = one("#rooms-filter");
    write(filter, "B");
    equal(shownRooms(), ["b1", "b2", "b3", "dev-b"]);
    write(filter, " b1");
    equal(all("#rooms-list .room-open[tabindex='0']").map((open) => open.textContent.trim()), ["b1"]);
    write(filter, "nothing");
    equal([shownRooms().length, one("#rooms-empty").textContent], [0, "No room matches."]);
    filter.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    equal([shownRooms().length, filter.value], [9, ""]);
    write(filter, "b3");
    filter.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    equal([one("#room-name").textContent, filter.value, shownRooms().length], ["b3", "", 9]);
  },

  "a name that does not fit has a tooltip, and one that fits has none": async () => {
    const long = "a-very-long-name-of-a-room-that-nobody-can-read-as-a-whole";
    await joinRooms(long);
    for (const name of [long, "general"]) button(name).dispatchEvent(new PointerEvent("pointerenter"));
    equal([button(long).title, button("general").title], [long, ""]);
    ok(all(".room-label").every((label) => label.clientWidth > 0), "names have no width");
    const [person] = all("#people-list .person-name");
    const row = person.closest("li");
    row.dispatchEvent(new PointerEvent("pointerenter"));
    equal(row.title, "");
    person.textContent = "w".repeat(60);
    row.dispatchEvent(new PointerEvent("pointerenter"));
    equal(row.title, "ann");
  },

  "in a page from right to left a long name begins with its beginning": async () => {
    document.documentElement.dir = "rtl";
    const long = "a-very-long-name-of-a-room-that-nobody-can-read-as-a-whole";
    await joinRooms(long);
    const label = button(long).querySelector(".room-label");
    const range = document.createRange();
    range.setStart(label.firstChild, 0);
    range.setEnd(label.firstChild, 1);
    const [first, box] = [range, label].map((part) => part.getBoundingClientRect());
    ok(first.left >= box.left - 1 && first.right <= box.right + 1, `${first.left} is left of ${box.left}`);
    const heading = one("#room-name").closest("h1");
    ok(getComputedStyle(heading).direction === "ltr", "the heading is cut at the beginning");
    const short = button("general").querySelector(".room-label");
    range.selectNodeContents(short);
    ok(Math.abs(range.getBoundingClientRect().right - short.getBoundingClientRect().right) < 20, "a short name is on the other side");
  },

  "muted rooms are neither unread nor first, and pinned ones stay on top": async () => {
    const wishes = { quiet: { isMuted: true }, top: { isPinned: true } };
    localStorage.setItem("trio-chat-preferences:ann", JSON.stringify(wishes));
    await joinRooms("quiet", "top", "busy");
    equal(shownRooms(), ["top", "busy", "general", "quiet"]);
    const event = { type: "message", username: "bob", message: "@ann", time: "10:00:00", ts: Date.now(), seq: 1 };
    for (const room of ["quiet", "busy"]) server.send({ ...event, id: room, room });
    await until("unread", () => button("busy").ariaLabel === "busy, 1 unread, 1 mention of you");
    equal([button("quiet").ariaLabel, button("quiet").ariaDescription, document.title], ["quiet", "muted", "(1) trio chat"]);
    equal(shownRooms(), ["top", "busy", "quiet", "general"]);
  },

  "the order of rooms stays while a mouse points into the list, and not under a finger": async () => {
    await joinRooms("a", "b");
    const list = one("#rooms-list");
    const point = (type, pointerType) => list.dispatchEvent(new PointerEvent(type, { pointerType }));
    const say = async (room, seq) => {
      const event = { type: "message", username: "bob", message: "hi", time: "10:00:00", ts: Date.UTC(2026, 10, 24, 11, seq) };
      server.send({ ...event, seq, id: `${room}-${seq}`, room });
      await until("badge", () => button(room).ariaLabel === `${room}, ${seq} unread`);
    };
    equal(shownRooms(), ["a", "b", "general"]);
    point("pointerenter", "mouse");
    await say("b", 1);
    equal(shownRooms(), ["a", "b", "general"]);
    point("pointerleave", "mouse");
    equal(shownRooms(), ["b", "a", "general"]);
    point("pointerenter", "touch");
    await say("a", 1);
    equal(shownRooms(), ["a", "b", "general"]);
  },

  "a mention out of view notifies, and marks the icon": async () => {
    const titles = [];
    globalThis.Notification = class extends EventTarget {
      static permission = "granted";
      constructor(title) {
        super();
        titles.push(title);
      }
      close() {
        titles.pop();
      }
    };
    await join();
    one("#notify").click();
    await until("dialog", () => one("#notify-dialog").open);
    one("#notify-on").click();
    await until("switch", () => !one("#notify-text").disabled);
    one("#notify-close").click();
    document.hasFocus = () => false;
    Object.defineProperty(document, "hidden", { value: true });
    dispatchEvent(new Event("blur"));
    server.say("hello", "hello @ann");
    await until("title", () => document.title === "(2) trio chat");
    equal(titles, ["bob in general"]);
    ok(one("link[rel=icon]").href.endsWith("unread-1.svg"), "the icon has no number");
  },
};
