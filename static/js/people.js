/** The list of people in the room. */

import { find, make } from "./dom.js";
import { locale, t } from "./messages.js";
import { avatar, hueClass } from "./names.js";
import { harmless } from "./richtext.js";

const NUMBER = new Intl.NumberFormat(locale);

/** The view of the members of a room. It changes only the rows of people who come and go. */
export class People {
  #list;
  #counts;
  #isSelf;
  /** By the name as shown: another spelling is another row. @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #more = make("li", "more-people");

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
    this.#patch(names, isCut ? t("people.more", { count: count - names.length }) : "");
    const total = NUMBER.format(count);
    for (const element of this.#counts) if (element.textContent !== total) element.textContent = total;
  }

  /**
   * @param {string[]} names
   * @param {string} more The last line; empty for none.
   */
  #patch(names, more) {
    const wanted = new Set(names);
    for (const [name, row] of this.#rows) {
      if (wanted.has(name) && row.classList.contains("self") === this.#isSelf(name)) continue;
      row.remove();
      this.#rows.delete(name);
    }
    names.forEach((name, at) => {
      const row = this.#rows.get(name) ?? this.#add(name);
      const there = this.#list.children[at] ?? null;
      if (there !== row) this.#list.insertBefore(row, there);
    });
    if (this.#more.textContent !== more) this.#more.textContent = more;
    if (more === "") this.#more.remove();
    else if (this.#list.lastChild !== this.#more) this.#list.append(this.#more);
  }

  /** @param {string} name */
  #add(name) {
    const isSelf = this.#isSelf(name);
    const row = make("li", `person ${hueClass(name)}`);
    const label = make("bdi", "person-name", harmless(name));
    row.append(avatar(name), label);
    row.addEventListener("pointerenter", () => {
      row.title = label.scrollWidth > label.clientWidth ? harmless(name) : "";
    });
    if (isSelf) {
      row.classList.add("self");
      row.append(make("span", "you", t("people.you")));
    }
    this.#rows.set(name, row);
    return row;
  }
}
