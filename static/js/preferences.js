/** What a user wants of each room, in this browser: pinned, muted, marked as unread, and notifications. */

import { loadFor, onStored, saveFor } from "./storage.js";

/** The most rooms that the quick switcher remembers. */
const MAX_PAST = 100;

/**
 * @typedef {object} Preference
 * @property {boolean} isPinned The room is at the top of the list.
 * @property {boolean} isMuted The room shows no unread messages, and notifies of none.
 * @property {boolean} isMarked The person marked it as unread, until it is opened again.
 * @property {"all" | "mentions" | "none"} notify
 */

/** @type {Readonly<Preference>} */
const DEFAULT = { isPinned: false, isMuted: false, isMarked: false, notify: "mentions" };

/** The preferences of one user. All tabs have the same. */
export class Preferences {
  #user;
  /** @type {Map<string, Preference>} */
  #rooms = new Map();

  /**
   * @param {string} user
   * @param {() => void} onChange Called after a change here or in another tab.
   */
  constructor(user, onChange) {
    this.#user = user;
    this.onChange = onChange;
    this.#load();
    onStored(user, "preferences", () => {
      this.#load();
      this.onChange();
    });
  }

  /**
   * @param {string} room
   * @returns {Preference}
   */
  of(room) {
    return this.#rooms.get(room) ?? DEFAULT;
  }

  /**
   * @param {string} room
   * @param {Partial<Preference>} change
   */
  set(room, change) {
    const before = this.of(room);
    const after = { ...before, ...change };
    if (same(before, after)) return;
    if (same(after, DEFAULT)) this.#rooms.delete(room);
    else this.#rooms.set(room, after);
    saveFor(this.#user, "preferences", this.#rooms.size > 0 ? Object.fromEntries(this.#rooms) : null);
    this.onChange();
  }

  /** The rooms that the user has opened in this browser, the last one first. @returns {string[]} */
  get past() {
    const stored = loadFor(this.#user, "past-rooms");
    return Array.isArray(stored) ? stored.filter((name) => typeof name === "string").slice(0, MAX_PAST) : [];
  }

  /** @param {string} room The user opened it. */
  visit(room) {
    saveFor(this.#user, "past-rooms", [room, ...this.past.filter((name) => name !== room)].slice(0, MAX_PAST));
    this.set(room, { isMarked: false });
  }

  #load() {
    const stored = loadFor(this.#user, "preferences");
    const rooms = typeof stored === "object" && stored !== null ? Object.entries(stored) : [];
    this.#rooms = new Map(rooms.map(([name, one]) => [name, checked(one)]));
  }
}

/**
 * @param {any} stored Another program may have written it.
 * @returns {Preference}
 */
function checked(stored) {
  const notify = ["all", "mentions", "none"].includes(stored?.notify) ? stored.notify : DEFAULT.notify;
  const [isPinned, isMuted, isMarked] = [stored?.isPinned, stored?.isMuted, stored?.isMarked].map((one) => one === true);
  return { isPinned, isMuted, isMarked, notify };
}

/**
 * @param {Preference} one
 * @param {Preference} other
 */
function same(one, other) {
  return JSON.stringify(one) === JSON.stringify({ ...one, ...other });
}
