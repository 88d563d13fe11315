/** The list of the user's rooms, a field to filter it, and a field to join another room. */

import { MAX_ROOMS, roomName, validRoomName } from "./client/wire.js";
import { find, make, makeButton } from "./dom.js";
import { withExtras } from "./later.js";
import { t } from "./messages.js";
import { badgeOf, labelOf, MANY_ROOMS, ordered } from "./roomstate.js";

/** @typedef {import("./roomstate.js").RoomState} RoomState */
/** @typedef {{item: HTMLLIElement, open: HTMLButtonElement, badge: HTMLElement, options: HTMLButtonElement}} Row */

/**
 * The view of the rooms. It changes the rows that are there, and it keeps their order while the pointer or
 * the focus is in the list. The list is one stop for the Tab key; arrows move in it.
 */
export class RoomList {
  #list;
  #field;
  #hint;
  #error;
  #filter;
  #empty;
  #root;
  /** @type {import("./menu.js").Menu | null} */
  #menu = null;
  #listener;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {RoomState[]} */
  #rooms = [];
  #current = "";
  #isPointed = false;

  /**
   * @param {HTMLElement} root Contains the list and the form.
   * @param {object} listener
   * @param {(name: string) => void} listener.onOpen The room may not be joined yet.
   * @param {(extras: import("./later.js").Extras, room: RoomState, mayLeave: boolean) => import("./menu.js").Item[]} listener.optionsOf
   */
  constructor(root, listener) {
    this.#list = find("#rooms-list", HTMLElement, root);
    this.#field = find("#room-field", HTMLInputElement, root);
    this.#hint = find("#rooms-hint", HTMLElement, root);
    this.#error = find("#rooms-error", HTMLElement, root);
    this.#filter = find("#rooms-filter", HTMLInputElement, root);
    this.#empty = find("#rooms-empty", HTMLElement, root);
    this.#root = root;
    this.#listener = listener;
    find("form", HTMLFormElement, root).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener("input", () => this.#typed());
    this.#filter.addEventListener("input", () => this.#applyFilter());
    this.#filter.addEventListener("keydown", (event) => this.#pressedInFilter(event));
    this.#list.addEventListener("keydown", (event) => this.#pressed(event));
    this.#list.addEventListener("contextmenu", (event) => this.#contextMenu(event));
    this.#list.addEventListener("focusin", ({ target }) => this.#setTabStop(this.#nameAt(target)));
    this.#list.addEventListener("focusout", () => setTimeout(() => this.#show()));
    this.#list.addEventListener("pointerenter", ({ pointerType }) => {
      this.#isPointed = pointerType !== "touch";
    });
    this.#list.addEventListener("pointerleave", () => {
      this.#isPointed = false;
      this.#show();
    });
  }

  /**
   * @param {RoomState[]} rooms
   * @param {string} current The name of the open room.
   */
  show(rooms, current) {
    const isOther = this.#current !== current;
    this.#rooms = rooms;
    this.#current = current;
    this.#show();
    if (isOther) this.#setTabStop(current);
  }

  #show() {
    const isHeld = this.#isPointed || this.#list.contains(document.activeElement);
    const present = [...this.#list.children].map((item) => this.#nameAt(item));
    const shown = ordered(this.#rooms, isHeld ? present : null);
    const names = new Set(shown.map(({ name }) => name));
    for (const [name, row] of this.#rows) if (!names.has(name)) this.#remove(name, row);
    shown.forEach((room, at) => {
      const row = this.#rows.get(room.name) ?? this.#add(room.name);
      const there = this.#list.children[at] ?? null;
      if (there !== row.item) this.#list.insertBefore(row.item, there);
      update(row, room, room.name === this.#current);
    });
    this.#filter.hidden = shown.length <= MANY_ROOMS;
    if (this.#filter.hidden) this.#filter.value = "";
    this.#applyFilter();
  }

  #applyFilter() {
    const wanted = this.#filter.value.trim().toLowerCase();
    for (const [name, { item }] of this.#rows) item.hidden = !name.includes(wanted);
    const isEmpty = this.#rows.size > 0 && this.#visible().length === 0;
    const text = isEmpty ? t("rooms.no-match") : "";
    if (this.#empty.textContent !== text) this.#empty.textContent = text;
    const hasStop = this.#visible().some((name) => this.#rows.get(name)?.open.tabIndex === 0);
    if (!hasStop) this.#setTabStop(this.#visible()[0] ?? "");
  }

  /** @returns {string[]} The names of the rooms that the filter shows, from top to bottom. */
  #visible() {
    const items = [...this.#list.children].filter((item) => item instanceof HTMLElement && !item.hidden);
    return items.map((item) => this.#nameAt(item));
  }

  /** @param {string} name */
  #setTabStop(name) {
    if (!this.#rows.has(name)) return;
    for (const [other, { open }] of this.#rows) open.tabIndex = other === name ? 0 : -1;
  }

  /** @param {EventTarget | null} target */
  #nameAt(target) {
    const item = target instanceof Element ? target.closest(".room") : null;
    return item instanceof HTMLElement ? (item.dataset.room ?? "") : "";
  }

  #typed() {
    this.#showError("");
    const text = this.#field.value;
    const isOffered = text.trim() !== "" && roomName(text) === "" && validRoomName(text) !== "";
    this.#hint.textContent = isOffered ? t("rooms.offered", { room: validRoomName(text) }) : "";
  }

  /** @param {string} error Empty for none. */
  #showError(error) {
    this.#error.textContent = error;
    this.#field.ariaInvalid = error === "" ? null : "true";
  }

  #submit() {
    const name = validRoomName(this.#field.value);
    if (name === "") {
      this.#showError(t("rooms.invalid"));
    } else if (!this.#rows.has(name) && this.#rows.size >= MAX_ROOMS) {
      this.#showError(t("rooms.too-many", { count: MAX_ROOMS }));
    } else {
      this.#field.value = "";
      this.#typed();
      this.#listener.onOpen(name);
    }
  }

  /** @param {KeyboardEvent} event */
  #pressedInFilter(event) {
    const name = this.#visible()[0];
    if (event.key === "Escape" && this.#filter.value !== "") {
      event.stopPropagation();
      this.#filter.value = "";
      this.#applyFilter();
    } else if (event.key === "ArrowDown" && name !== undefined) {
      event.preventDefault();
      this.#rows.get(name)?.open.focus();
    } else if (event.key === "Enter" && name !== undefined) {
      this.#filter.value = "";
      this.#listener.onOpen(name);
    }
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const names = this.#visible();
    const at = names.indexOf(this.#nameAt(event.target));
    const row = this.#rows.get(names[at]);
    if (row === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const end = names.length - 1;
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: end }[event.key];
    const isOnOptions = event.target === row.options;
    if (next !== undefined) {
      const other = this.#rows.get(names[Math.max(0, Math.min(end, next))]);
      (isOnOptions ? other?.options : other?.open)?.focus();
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      (isOnOptions ? row.open : row.options).focus();
    } else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event Also of the key for it. */
  #contextMenu(event) {
    const name = this.#nameAt(event.target);
    if (!this.#rows.has(name)) return;
    event.preventDefault();
    this.#openMenu(name);
  }

  /** @param {string} name */
  #openMenu(name) {
    withExtras((extras) => {
      const [row, room] = [this.#rows.get(name), this.#rooms.find((one) => one.name === name)];
      if (row === undefined || room === undefined) return;
      this.#menu ??= new extras.Menu(this.#root);
      const items = this.#listener.optionsOf(extras, room, this.#rooms.length > 1);
      this.#menu.open(row.options, t("rooms.options-of", { room: name }), items);
    });
  }

  /** @param {string} name */
  #add(name) {
    const item = make("li", "room");
    item.dataset.room = name;
    const open = makeButton("room-open", "");
    const label = make("span", "room-label", name);
    label.dir = "auto"; // in a page from right to left too, a name too long begins with its beginning
    const badge = make("span", "unread-badge");
    open.append(label, " ", badge);
    open.tabIndex = -1;
    open.addEventListener("click", () => this.#listener.onOpen(name));
    open.addEventListener("pointerenter", () => {
      open.title = label.scrollWidth > label.clientWidth ? name : "";
    });
    const options = makeButton("room-options", "");
    options.ariaLabel = t("rooms.options");
    options.ariaDescription = name;
    options.ariaHasPopup = "menu";
    options.ariaExpanded = "false";
    options.tabIndex = -1;
    options.addEventListener("click", () => this.#openMenu(name));
    item.append(open, options);
    const row = { item, open, badge, options };
    this.#rows.set(name, row);
    return row;
  }

  /**
   * @param {string} name
   * @param {Row} row
   */
  #remove(name, { item }) {
    const hadFocus = item.contains(document.activeElement);
    const beside = this.#nameAt(item.nextElementSibling ?? item.previousElementSibling);
    item.remove();
    this.#rows.delete(name);
    if (hadFocus) (this.#rows.get(beside)?.open ?? this.#field).focus();
  }
}

/**
 * @param {Row} row
 * @param {RoomState} room
 * @param {boolean} isCurrent
 */
function update({ item, open, badge }, room, isCurrent) {
  const text = badgeOf(room);
  const label = labelOf(room);
  const marks = [room.isPinned ? t("rooms.pinned") : "", room.isMuted ? t("rooms.muted") : ""].filter(Boolean).join(", ");
  open.ariaCurrent = isCurrent ? "true" : null;
  if (badge.textContent !== text) badge.textContent = text;
  badge.hidden = text === "";
  badge.classList.toggle("mentioned", room.mentions > 0);
  if (open.ariaLabel !== label) open.ariaLabel = label;
  if ((open.ariaDescription ?? "") !== marks) open.ariaDescription = marks === "" ? null : marks;
  item.classList.toggle("pinned", room.isPinned);
  item.classList.toggle("muted-room", room.isMuted);
  item.classList.toggle("unread", text !== "");
}
