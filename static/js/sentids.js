/** The ids of the messages that this browser sent for a user: the server lets it edit and delete them. */

import { loadFor, onStored, saveFor } from "./storage.js";

/** The newest ids are kept. Nobody edits a message that is a thousand messages old. */
const MAX_IDS = 1_000;

/** A set of ids that all tabs of a user share. */
export class SentIds {
  #user;
  #ids;

  /** @param {string} user */
  constructor(user) {
    this.#user = user;
    this.#ids = new Set(this.#load());
    onStored(user, "sent", () => {
      this.#ids = new Set(this.#load());
    });
  }

  /** @param {string} id */
  has(id) {
    return this.#ids.has(id);
  }

  /** @param {string} id */
  add(id) {
    if (this.#ids.has(id)) return;
    const ids = [...this.#load(), id].slice(-MAX_IDS);
    this.#ids.add(id);
    saveFor(this.#user, "sent", ids);
  }

  /** @returns {string[]} */
  #load() {
    const ids = loadFor(this.#user, "sent");
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
  }
}
