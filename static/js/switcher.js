/** The quick switcher (Ctrl or ⌘ and K): goes to a room by a few letters of its name. */

import { MAX_ROOMS, validRoomName } from "./client/wire.js";
import { find, make } from "./dom.js";
import { t } from "./messages.js";

/** The most rooms in the list. */
const MAX_OPTIONS = 50;

/** @typedef {{name: string, kind: "in" | "past" | "new"}} Option A room that the user is in, was in, or would make. */

/**
 * @param {string} query What the person typed.
 * @param {string[]} rooms The user's rooms.
 * @param {string[]} past The rooms that the user has opened, the last one first.
 * @returns {Option[]} The best one first.
 */
export function optionsFor(query, rooms, past) {
  const wanted = query.trim().replace(/^#/, "").toLowerCase();
  const typed = validRoomName(query);
  const visited = new Map(past.map((name, at) => [name, at]));
  const mine = new Set(rooms);
  const known = [...new Set([...rooms, ...past])].map((name) => ({ name, rank: rankOf(name, wanted, typed), isIn: mine.has(name) }));
  const found = known
    .filter(({ rank, isIn }) => rank !== null && (isIn || mine.size < MAX_ROOMS))
    .sort(
      (one, other) =>
        Number(one.rank) - Number(other.rank) ||
        Number(other.isIn) - Number(one.isIn) ||
        (visited.get(one.name) ?? past.length) - (visited.get(other.name) ?? past.length),
    )
    .slice(0, MAX_OPTIONS)
    .map(({ name, isIn }) => /** @type {Option} */ ({ name, kind: isIn ? "in" : "past" }));
  const isNew = typed !== "" && !known.some(({ name }) => name === typed) && mine.size < MAX_ROOMS;
  return isNew ? [...found, { name: typed, kind: "new" }] : found;
}

/**
 * @param {string} name
 * @param {string} wanted
 * @param {string} typed The same as the name of a room.
 * @returns {number | null} Lower is better; null for no match.
 */
function rankOf(name, wanted, typed) {
  if (wanted === "" || name === wanted || name === typed) return 0;
  if (name.startsWith(wanted)) return 1;
  if (name.includes(wanted)) return 2;
  return typed !== "" && name.includes(typed) ? 3 : null;
}

/** The view of the quick switcher. */
export class Switcher {
  #dialog = find("#switcher", HTMLDialogElement);
  #field = find("#switcher-field", HTMLInputElement);
  #list = find("#switcher-list", HTMLElement);
  #empty = find("#switcher-empty", HTMLElement);
  #listener;
  /** @type {Option[]} */
  #options = [];
  #selected = 0;

  /**
   * @param {object} listener
   * @param {() => {rooms: string[], past: string[]} | null} listener.rooms Null while nobody is in the chat.
   * @param {(name: string) => void} listener.onOpen
   */
  constructor(listener) {
    this.#listener = listener;
    this.#field.addEventListener("input", () => this.#update());
    this.#field.addEventListener("keydown", (event) => this.#pressed(event));
    this.#list.addEventListener("click", ({ target }) => {
      const option = target instanceof Element ? target.closest("[role=option]") : null;
      if (option !== null) this.#choose([...this.#list.children].indexOf(option));
    });
    // A click beside the dialog.
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog) this.#dialog.close();
    });
  }

  toggle() {
    if (this.#dialog.open) this.#dialog.close();
    else if (this.#listener.rooms() !== null && document.querySelector("dialog[open]") === null) {
      this.#field.value = "";
      this.#update();
      this.#dialog.showModal();
    }
  }

  #update() {
    const { rooms, past } = this.#listener.rooms() ?? { rooms: [], past: [] };
    this.#options = optionsFor(this.#field.value, rooms, past);
    this.#list.replaceChildren(...this.#options.map(optionElement));
    this.#list.hidden = this.#options.length === 0;
    this.#field.ariaExpanded = String(this.#options.length > 0);
    this.#empty.textContent = this.#options.length === 0 ? t("switcher.none") : "";
    this.#select(0);
  }

  /** @param {number} at */
  #select(at) {
    this.#selected = at;
    for (const [number, element] of [...this.#list.children].entries()) element.ariaSelected = String(number === at);
    const option = this.#list.children[at];
    if (option === undefined) this.#field.removeAttribute("aria-activedescendant");
    else this.#field.setAttribute("aria-activedescendant", option.id);
    option?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.isComposing) return;
    const count = this.#options.length;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && count > 0) this.#select((this.#selected + step + count) % count);
    else if (event.key === "Enter") this.#choose(this.#selected);
    else return;
    event.preventDefault();
  }

  /** @param {number} at */
  #choose(at) {
    const option = this.#options[at];
    if (option === undefined) return;
    this.#dialog.close();
    this.#listener.onOpen(option.name);
  }
}

/**
 * @param {Option} option
 * @param {number} at
 */
function optionElement({ name, kind }, at) {
  const element = make("li", "switcher-option");
  element.id = `switcher-option-${at}`;
  element.role = "option";
  element.append(make("span", "room-label", name));
  if (kind !== "in") element.append(" ", make("span", "switcher-kind", t(`switcher.${kind}`)));
  return element;
}
