/** The list of people in the room. */

import { avatar, hueClass } from "./names.js";

const NUMBER = new Intl.NumberFormat("en");

/** The view of who is here. */
export class People {
  #root;
  #isSelf;

  /**
   * @param {HTMLElement} root Holds the list and the counts.
   * @param {(name: string) => boolean} isSelf
   */
  constructor(root, isSelf) {
    this.#root = root;
    this.#isSelf = isSelf;
  }

  /**
   * @param {string[]} users The first of them, at most 200 names.
   * @param {number} count How many there are in all.
   * @param {string} ownName Ours, as we gave it: in a crowd we may not be among the first.
   */
  show(users, count, ownName) {
    const isCut = count > users.length;
    const self = users.find(this.#isSelf) ?? (isCut ? ownName : null);
    const names = users.filter((name) => !this.#isSelf(name));
    if (self !== null) names.unshift(self);
    const rows = names.map((name) => this.#row(name));
    if (isCut) rows.push(more(count - names.length));
    this.#find("#people-list").replaceChildren(...rows);
    this.#find("#people-count").textContent = NUMBER.format(count);
    this.#find("#people-toggle-count").textContent = NUMBER.format(count);
  }

  #row(name) {
    const row = document.createElement("li");
    row.className = `person ${hueClass(name)}`;
    const label = document.createElement("bdi");
    label.className = "person-name";
    label.textContent = name;
    row.append(avatar(name), label);
    if (this.#isSelf(name)) {
      row.classList.add("self");
      const mark = document.createElement("span");
      mark.className = "you";
      mark.textContent = "you";
      row.append(mark);
    }
    return row;
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }
}

function more(count) {
  const row = document.createElement("li");
  row.className = "more-people";
  row.textContent = `and ${NUMBER.format(count)} more`;
  return row;
}
