/** The list of the user's rooms, and the field to join another. */

import { MAX_ROOMS, roomName } from "./client/wire.js";
import { find, make, makeButton } from "./dom.js";

/** @typedef {{item: HTMLLIElement, open: HTMLButtonElement, badge: HTMLElement, leave: HTMLButtonElement}} Row */

/** The view of the rooms. */
export class RoomList {
  #list;
  #field;
  #error;
  #listener;
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /**
   * @param {HTMLElement} root Contains the list and the form.
   * @param {object} listener
   * @param {(name: string) => void} listener.onOpen The room may not be joined yet.
   * @param {(name: string) => void} listener.onLeave
   */
  constructor(root, listener) {
    this.#list = find("#rooms-list", HTMLElement, root);
    this.#field = find("input", HTMLInputElement, root);
    this.#error = find("#rooms-error", HTMLElement, root);
    this.#listener = listener;
    find("form", HTMLFormElement, root).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener("input", () => this.#showError(""));
  }

  /**
   * @param {Iterable<import("./client/room.js").Room>} rooms
   * @param {string} current The name of the open room.
   */
  show(rooms, current) {
    const shown = [...rooms].sort((one, other) => (one.name < other.name ? -1 : 1));
    const names = new Set(shown.map(({ name }) => name));
    for (const [name, row] of this.#rows) if (!names.has(name)) this.#remove(name, row);
    shown.forEach((room, at) => {
      const row = this.#rows.get(room.name) ?? this.#add(room.name);
      const present = this.#list.children[at] ?? null;
      if (present !== row.item) this.#list.insertBefore(row.item, present);
      update(row, room, room.name === current, shown.length > 1);
    });
  }

  /** @param {string} error Empty for none. */
  #showError(error) {
    this.#error.textContent = error;
    this.#field.ariaInvalid = error === "" ? null : "true";
  }

  #submit() {
    const name = roomName(this.#field.value);
    if (name === "") {
      this.#showError("Use the letters a to z, digits, dots, dashes and underscores, at most 64.");
    } else if (!this.#rows.has(name) && this.#rows.size >= MAX_ROOMS) {
      this.#showError(`You are in ${MAX_ROOMS} rooms, the maximum. Leave one first.`);
    } else {
      this.#field.value = "";
      this.#showError("");
      this.#listener.onOpen(name);
    }
  }

  /** @param {string} name */
  #add(name) {
    const item = make("li", "room");
    const open = makeButton("room-open", "");
    const badge = make("span", "unread-badge");
    open.append(make("span", "room-label", name), badge);
    open.addEventListener("click", () => this.#listener.onOpen(name));
    const leave = makeButton("room-leave", "");
    leave.ariaLabel = `Leave ${name}`;
    leave.title = leave.ariaLabel;
    leave.addEventListener("click", () => this.#listener.onLeave(name));
    item.append(open, leave);
    const row = { item, open, badge, leave };
    this.#rows.set(name, row);
    return row;
  }

  /**
   * @param {string} name
   * @param {Row} row
   */
  #remove(name, { item }) {
    const hadFocus = item.contains(document.activeElement);
    item.remove();
    this.#rows.delete(name);
    if (hadFocus) this.#field.focus();
  }
}

/**
 * @param {Row} row
 * @param {import("./client/room.js").Room} room
 * @param {boolean} isCurrent
 * @param {boolean} mayLeave
 */
function update({ open, badge, leave }, { name, unread }, isCurrent, mayLeave) {
  open.ariaCurrent = isCurrent ? "true" : null;
  badge.hidden = unread === 0;
  badge.textContent = shortCount(unread);
  open.ariaLabel = unread === 0 ? name : `${name}, ${unread} unread`;
  leave.hidden = !mayLeave;
}

/**
 * @param {number} count
 * @returns {string} At most three characters.
 */
export function shortCount(count) {
  return count > 99 ? "99+" : String(count);
}
