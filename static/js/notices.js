/** Folds notices that follow each other into one line. Knows no page. */

import { nameKey } from "./client/names.js";

/** This many users of a fold are named, the others counted. */
const MAX_NAMED = 2;

/**
 * @typedef {import("./client/timeline.js").Entry} Entry
 *
 * @typedef {object} Part The users that joined, or those that left.
 * @property {"joined" | "left"} kind
 * @property {string[]} names The first of them.
 * @property {number} more How many others.
 */

/**
 * @param {Entry} entry
 * @returns {boolean} Whether it says that a user joined or left. The server's own sentence serves for
 *   all other notices: those of an older or a newer server.
 */
export function isComingOrGoing({ type, kind, username }) {
  return type === "system" && (kind === "joined" || kind === "left") && username !== undefined;
}

/**
 * @param {Entry[]} entries Notices of users that came and went, oldest first.
 * @returns {Part[]} Each user once, by the last thing that happened. Those that came are first.
 */
export function foldNotices(entries) {
  /** @type {Map<string, Entry>} */
  const last = new Map();
  for (const entry of entries) {
    const key = nameKey(entry.username ?? "");
    last.delete(key);
    last.set(key, entry);
  }
  /** @type {Part[]} */
  const parts = [];
  for (const kind of /** @type {const} */ (["joined", "left"])) {
    const names = [...last.values()].filter((entry) => entry.kind === kind).map(({ username = "" }) => username);
    // One name more takes less room than "1 other".
    const named = names.length === MAX_NAMED + 1 ? names.length : MAX_NAMED;
    if (names.length > 0) parts.push({ kind, names: names.slice(0, named), more: Math.max(0, names.length - named) });
  }
  return parts;
}
