/** A small menu beside a button: arrows move, Enter chooses, Escape closes. */

import { make, makeButton } from "./dom.js";

/** The distance to the edge of the window, in pixels. */
const MARGIN = 8;

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {() => void} act
 * @property {boolean} [isChecked] Of an entry that can be on or off.
 * @property {string} [group] The label of the group of entries of which one is on.
 */

/** One menu for many buttons. */
export class Menu {
  #root = make("div", "menu");
  /** @type {HTMLElement | null} */
  #button = null;

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.#root.role = "menu";
    this.#root.popover = "auto";
    this.#root.addEventListener("keydown", (event) => this.#pressed(event));
    this.#root.addEventListener("toggle", (event) => {
      const isOpen = event instanceof ToggleEvent && event.newState === "open";
      if (this.#button !== null) this.#button.ariaExpanded = String(isOpen);
    });
    parent.append(this.#root);
  }

  /**
   * @param {HTMLElement} button The menu opens beside it. It gets the focus back.
   * @param {string} label
   * @param {Item[]} items
   */
  open(button, label, items) {
    if (this.#button !== null) this.#button.ariaExpanded = "false";
    this.#button = button;
    this.#root.ariaLabel = label;
    this.#root.replaceChildren(...this.#content(items));
    button.focus();
    this.#root.showPopover();
    this.#place(button.getBoundingClientRect());
    this.#entries()[0]?.focus();
  }

  /** @param {Item[]} items */
  #content(items) {
    /** @type {HTMLElement[]} */
    const content = [];
    for (const item of items) {
      const { group } = item;
      let box = content.at(-1);
      if (group !== undefined && box?.ariaLabel !== group) content.push((box = groupOf(group)));
      else if (group === undefined && box?.role === "group") content.push(line());
      const entry = this.#entry(item);
      if (group !== undefined && box !== undefined) box.append(entry);
      else content.push(entry);
    }
    return content;
  }

  /** @param {Item} item */
  #entry({ label, act, isChecked, group }) {
    const entry = makeButton("menu-entry", label);
    entry.role = isChecked === undefined ? "menuitem" : group === undefined ? "menuitemcheckbox" : "menuitemradio";
    if (isChecked !== undefined) entry.ariaChecked = String(isChecked);
    entry.tabIndex = -1;
    entry.addEventListener("click", () => {
      this.#root.hidePopover();
      act();
    });
    return entry;
  }

  /** @param {DOMRect} anchor */
  #place(anchor) {
    const { width, height } = this.#root.getBoundingClientRect();
    const left = Math.max(MARGIN, Math.min(anchor.left, innerWidth - width - MARGIN));
    const below = anchor.bottom + 2;
    const top = below + height > innerHeight - MARGIN ? Math.max(MARGIN, anchor.top - height - 2) : below;
    this.#root.style.left = `${left}px`;
    this.#root.style.top = `${top}px`;
  }

  #entries() {
    return [...this.#root.querySelectorAll("button")];
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const entries = this.#entries();
    const at = entries.findIndex((entry) => entry === document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1 + entries.length, Home: 0, End: entries.length - 1 }[event.key];
    if (event.key === "Tab") this.#root.hidePopover();
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    entries[next % entries.length].focus();
  }
}

/** @param {string} label */
function groupOf(label) {
  const group = make("div", "menu-group");
  group.role = "group";
  group.ariaLabel = label;
  const heading = make("p", "menu-heading", label);
  heading.ariaHidden = "true";
  group.append(heading);
  return group;
}

function line() {
  const element = make("hr", "menu-line");
  element.role = "separator";
  return element;
}
