/** The list of people in the room. */

import { find, make } from "./dom.js";
import { avatar, hueClass } from "./names.js";

const NUMBER = new Intl.NumberFormat("en");

/** The view of the members of a room. */
export class People {
  #list;
  #counts;
  #isSelf;

  /**
   * @param {HTMLElement} root Contains the list and the counts.
   * @param {(name: string) => boolean} isSelf
   */
  constructor(root, isSelf) {
    this.#list = find("#people-list", HTMLElement, root);
    this.#counts = ["#people-count", "#people-toggle-count"].map((id) => find(id, HTMLElement, root));
    this.#isSelf = isSelf;
  }

  /**
   * @param {string[]} users The names of the members, or the first 200.
   * @param {number} count The number of members.
   * @param {string} ownName The user's own name: in a large room it may not be among the first.
   */
  show(users, count, ownName) {
    const isCut = count > users.length;
    const self = users.find(this.#isSelf) ?? (isCut ? ownName : null);
    const names = users.filter((name) => !this.#isSelf(name));
    if (self !== null) names.unshift(self);
    const rows = names.map((name) => this.#row(name));
    if (isCut) rows.push(make("li", "more-people", `and ${NUMBER.format(count - names.length)} more`));
    this.#list.replaceChildren(...rows);
    for (const element of this.#counts) element.textContent = NUMBER.format(count);
  }

  /** @param {string} name */
  #row(name) {
    const row = make("li", `person ${hueClass(name)}`);
    row.append(avatar(name), make("bdi", "person-name", name));
    if (this.#isSelf(name)) {
      row.classList.add("self");
      row.append(make("span", "you", "you"));
    }
    return row;
  }
}
