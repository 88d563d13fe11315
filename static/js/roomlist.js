/** The list of rooms this person is in, and the field to join another. */

import { MOST_ROOMS, roomName } from "./wire.js";

/** The view of the rooms. */
export class RoomList {
  #list;
  #field;
  #error;
  #listener;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {HTMLElement} root Holds the list and the form.
   * @param {object} listener
   * @param {(name: string) => void} listener.onOpen A room that may not be joined yet.
   * @param {(name: string) => void} listener.onLeave
   */
  constructor(root, listener) {
    this.#list = root.querySelector("#rooms-list");
    this.#field = root.querySelector("input");
    this.#error = root.querySelector("#rooms-error");
    this.#listener = listener;
    root.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener("input", () => this.complain(""));
  }

  /**
   * @param {Iterable<import("./room.js").Room>} rooms
   * @param {string} current Which of them is open.
   */
  show(rooms, current) {
    const shown = [...rooms].sort((one, other) => (one.name < other.name ? -1 : 1));
    const names = new Set(shown.map(({ name }) => name));
    for (const [name, row] of this.#rows) if (!names.has(name)) this.#remove(name, row);
    shown.forEach((room, at) => {
      const row = this.#rows.get(room.name) ?? this.#add(room.name);
      if (this.#list.children[at] !== row) this.#list.insertBefore(row, this.#list.children[at] ?? null);
      update(row, room, room.name === current, shown.length > 1);
    });
  }

  /** @param {string} why The last room asked for cannot be had; empty takes it back. */
  complain(why) {
    this.#error.textContent = why;
    this.#field.ariaInvalid = why === "" ? null : "true";
  }

  #submit() {
    const name = roomName(this.#field.value);
    if (name === "") {
      this.complain("A room's name has letters a to z, digits, dots, dashes and underscores; at most 64.");
    } else if (!this.#rows.has(name) && this.#rows.size >= MOST_ROOMS) {
      this.complain(`You are in ${MOST_ROOMS} rooms already; leave one first.`);
    } else {
      this.#field.value = "";
      this.complain("");
      this.#listener.onOpen(name);
    }
  }

  #add(name) {
    const row = document.createElement("li");
    row.className = "room";
    const open = button("room-open", () => this.#listener.onOpen(name));
    const label = document.createElement("span");
    label.className = "room-label";
    label.textContent = name;
    const badge = document.createElement("span");
    badge.className = "unread-badge";
    open.append(label, badge);
    const leave = button("room-leave", () => this.#listener.onLeave(name));
    leave.ariaLabel = `Leave ${name}`;
    leave.title = leave.ariaLabel;
    row.append(open, leave);
    this.#rows.set(name, row);
    return row;
  }

  #remove(name, row) {
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    this.#rows.delete(name);
    if (hadFocus) this.#field.focus();
  }
}

function button(className, onClick) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = className;
  element.addEventListener("click", onClick);
  return element;
}

function update(row, room, isCurrent, mayLeave) {
  const [open, leave] = row.children;
  open.ariaCurrent = isCurrent ? "true" : null;
  const badge = open.querySelector(".unread-badge");
  badge.hidden = room.unread === 0;
  badge.textContent = shortCount(room.unread);
  open.ariaLabel = room.unread === 0 ? room.name : `${room.name}, ${room.unread} unread`;
  leave.hidden = !mayLeave;
}

/**
 * @param {number} count
 * @returns {string} At most three characters.
 */
export function shortCount(count) {
  return count > 99 ? "99+" : String(count);
}
