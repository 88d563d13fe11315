/** The half-written texts of a user: one for each room, and one for each message under edit. */

import { loadFor, loadForTab, saveFor, saveForTab } from "./storage.js";

/** Texts are stored this soon after a key, in milliseconds. */
const SAVE_AFTER_MS = 300;

/** @typedef {{room: string, text: string}} Edit A half-made edit of a message. */

/**
 * Keeps the texts in the browser until they are sent. All tabs of a user share them, and each tab
 * prefers its own, so that two tabs can write different texts in one room.
 */
export class Drafts {
  #user;
  #onStored;
  /** @type {Map<string, string>} */
  #texts;
  /** By the id of the message. @type {Map<string, Edit>} */
  #edits;
  /** The keys of texts that are not stored yet. @type {Set<string>} */
  #changed = new Set();
  /** @type {number | undefined} */
  #timer;
  #isSaved = true;

  /**
   * @param {string} user
   * @param {() => void} [onStored] Called after each attempt to store the texts.
   */
  constructor(user, onStored = () => {}) {
    this.#user = user;
    this.#onStored = onStored;
    const [shared, own] = [loadFor(user, "drafts"), loadForTab(user, "drafts")];
    this.#texts = new Map([...texts(shared?.texts), ...texts(own?.texts)]);
    this.#edits = new Map([...edits(shared?.edits), ...edits(own?.edits)]);
  }

  /** Whether the browser has all texts, so that the tab may close. */
  get isSaved() {
    return this.#isSaved;
  }

  /**
   * @param {string} [room] Counts this room only.
   * @returns {number} The number of half-written texts.
   */
  count(room) {
    const inRoom = (/** @type {string} */ name) => room === undefined || name === room;
    const drafts = [...this.#texts.keys()].filter(inRoom);
    return drafts.length + [...this.#edits.values()].filter((edit) => inRoom(edit.room)).length;
  }

  /**
   * @param {string} room
   * @returns {string} Empty for none.
   */
  text(room) {
    return this.#texts.get(room) ?? "";
  }

  /**
   * @param {string} room
   * @param {string} text Empty removes it.
   */
  setText(room, text) {
    if (text === this.text(room)) return;
    if (text.trim() === "") this.#texts.delete(room);
    else this.#texts.set(room, text);
    this.#change(`text ${room}`);
  }

  /**
   * @param {string} room
   * @returns {[id: string, text: string][]} The half-made edits of this room.
   */
  editsIn(room) {
    return [...this.#edits].filter(([, edit]) => edit.room === room).map(([id, { text }]) => [id, text]);
  }

  /**
   * @param {string} room
   * @param {string} id The message.
   * @param {string | null} text Null once the edit has ended.
   */
  setEdit(room, id, text) {
    if (text === null && !this.#edits.has(id)) return;
    if (text === null) this.#edits.delete(id);
    else this.#edits.set(id, { room, text });
    this.#change(`edit ${id}`);
  }

  /** @param {string} room Drop its texts: the user has left it. */
  forget(room) {
    this.setText(room, "");
    for (const [id] of this.editsIn(room)) this.setEdit(room, id, null);
  }

  /** Drop all texts. */
  clear() {
    for (const room of this.#texts.keys()) this.setText(room, "");
    for (const [id, { room }] of this.#edits) this.setEdit(room, id, null);
    this.flush();
  }

  /** Store all changes now. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#changed.size === 0) return;
    const shared = loadFor(this.#user, "drafts");
    const all = { texts: texts(shared?.texts), edits: edits(shared?.edits) };
    // Another tab may have written other texts meanwhile, so store what changed here.
    for (const key of this.#changed) {
      const [kind, name] = [key.slice(0, 4), key.slice(5)];
      if (kind === "text") copy(name, this.#texts, all.texts);
      else copy(name, this.#edits, all.edits);
    }
    this.#changed.clear();
    saveForTab(this.#user, "drafts", plain({ texts: this.#texts, edits: this.#edits }));
    this.#isSaved = saveFor(this.#user, "drafts", plain(all)) || this.count() === 0;
    this.#onStored();
  }

  /** @param {string} key */
  #change(key) {
    this.#changed.add(key);
    this.#timer ??= setTimeout(() => this.flush(), SAVE_AFTER_MS);
  }
}

/**
 * @template T
 * @param {string} key
 * @param {Map<string, T>} from
 * @param {Map<string, T>} to
 */
function copy(key, from, to) {
  const value = from.get(key);
  if (value === undefined) to.delete(key);
  else to.set(key, value);
}

/** @param {{texts: Map<string, string>, edits: Map<string, Edit>}} all */
function plain(all) {
  if (all.texts.size + all.edits.size === 0) return null;
  return { texts: Object.fromEntries(all.texts), edits: Object.fromEntries(all.edits) };
}

/**
 * @param {unknown} stored
 * @returns {Map<string, string>}
 */
function texts(stored) {
  return new Map(Object.entries(stored ?? {}).filter(([, text]) => typeof text === "string"));
}

/**
 * @param {unknown} stored
 * @returns {Map<string, Edit>}
 */
function edits(stored) {
  const isEdit = (/** @type {any} */ edit) => typeof edit?.room === "string" && typeof edit.text === "string";
  return new Map(Object.entries(stored ?? {}).filter(([, edit]) => isEdit(edit)));
}
