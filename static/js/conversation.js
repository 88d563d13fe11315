/** The log on the page: each event once, in order, as text. */

import { avatar, hueClass, nameKey } from "./names.js";
import { timeElement } from "./times.js";

/** Messages of one person within this time stand together, in milliseconds. */
const GROUP_WITHIN_MS = 5 * 60_000;

/** The oldest rows go when there are more: a tab may stay open for weeks. */
const MOST_ROWS = 1_000;

/** The view of a room's events. */
export class Conversation {
  #log;
  #scroll;
  #isSelf;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** @type {import("./session.js").LoggedEvent | null} */
  #last = null;

  /**
   * @param {HTMLElement} log
   * @param {import("./scroll.js").FollowingScroll} scroll
   * @param {(name: string) => boolean} isSelf
   */
  constructor(log, scroll, isSelf) {
    this.#log = log;
    this.#scroll = scroll;
    this.#isSelf = isSelf;
  }

  /**
   * Show what the log holds after (re)joining. Where it meets what is shown, the older part stays
   * and the rest is drawn anew; where it does not, nobody knows what lies between, so all is.
   *
   * @param {import("./session.js").LoggedEvent[]} events Oldest first.
   */
  rebuild(events) {
    this.#log.ariaBusy = "true";
    this.#log.querySelector(".history-end")?.remove();
    const known = events.find((event) => this.#rows.has(event.id));
    this.#removeFrom(known ? this.#rows.get(known.id) : this.#log.firstElementChild);
    for (const event of events) this.#append(event);
    if (events.length > 0) this.#log.append(line("history-end", "— end of history —"));
    this.#last = null;
    this.#log.ariaBusy = null;
    this.#scroll.follow();
  }

  /** @param {import("./session.js").LoggedEvent} event Ignored where it is already shown. */
  add(event) {
    if (!this.#append(event)) return;
    if (event.type === "message" && this.#isSelf(event.username)) this.#scroll.toEnd();
    else this.#scroll.added();
  }

  /** @param {string} text An answer of the server to us alone; gone after the next rejoining. */
  warn(text) {
    this.#log.append(line("notice warning", text));
    this.#last = null;
    this.#scroll.toEnd();
  }

  clear() {
    this.#removeFrom(this.#log.firstElementChild);
  }

  #append(event) {
    if (this.#rows.has(event.id)) return false;
    const row = event.type === "message" ? this.#messageRow(event) : noticeRow(event);
    row.dataset.id = event.id;
    this.#rows.set(event.id, row);
    this.#log.append(row);
    this.#last = event;
    if (this.#rows.size > MOST_ROWS) this.#removeOldest();
    return true;
  }

  #messageRow(event) {
    const row = document.createElement("article");
    const side = this.#isSelf(event.username) ? "own" : "other";
    row.className = `message ${side} ${hueClass(event.username)}`;
    row.classList.toggle("continued", this.#continues(event));
    const name = document.createElement("bdi");
    name.className = "name";
    name.textContent = event.username;
    const bubble = document.createElement("div");
    bubble.className = "bubble";
    bubble.append(words(event.message), timeElement(event.ts, event.time));
    row.append(avatar(event.username), name, bubble);
    return row;
  }

  #continues(event) {
    return (
      this.#last?.type === "message" &&
      nameKey(this.#last.username) === nameKey(event.username) &&
      event.ts - this.#last.ts < GROUP_WITHIN_MS
    );
  }

  #removeFrom(first) {
    for (let row = first; row; ) {
      const next = row.nextElementSibling;
      this.#remove(row);
      row = next;
    }
    this.#last = null;
  }

  #removeOldest() {
    this.#remove(this.#log.firstElementChild);
    this.#log.firstElementChild.classList.remove("continued");
  }

  #remove(row) {
    this.#rows.delete(row.dataset.id);
    row.remove();
  }
}

function words(message) {
  const text = document.createElement("p");
  text.className = "text";
  text.dir = "auto";
  text.textContent = message;
  return text;
}

function line(className, text) {
  const row = document.createElement("p");
  row.className = className;
  row.dir = "auto";
  row.textContent = text;
  return row;
}

function noticeRow(event) {
  const row = line("notice", event.message);
  row.append(" ", timeElement(event.ts, event.time));
  return row;
}
