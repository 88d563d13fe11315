/**
 * What the browser stores. For all tabs: the device secret, the last name and the rooms. For one tab,
 * so that it survives a reload: the name and the open room, drafts, and unsent requests.
 *
 * In a browser that forbids storage the page works, and a reload starts from nothing. A duplicated tab
 * has the same unsent requests with the same refs, so the server accepts each of them once.
 */

import { nameKey } from "./client/names.js";
import { newRef } from "./client/outbox.js";
import { MAX_ROOMS, roomName } from "./client/wire.js";

const DEVICE = "trio-chat-device";
const NAME = "trio-chat-name";
const ROOMS = "trio-chat-rooms";
const DRAFTS = "trio-chat-drafts";
const TAB = "trio-chat-tab";
const UNSENT = "trio-chat-unsent";

/** @returns {string} The secret that identifies this browser to the server: 128 random bits. */
export function deviceSecret() {
  const stored = load(() => localStorage, DEVICE);
  const device = typeof stored === "string" && /^[!-~]{1,64}$/.test(stored) ? stored : newRef();
  if (device !== stored) save(() => localStorage, DEVICE, device);
  return device;
}

/** @returns {string} This tab's name, else the last name in this browser. Two tabs can have two. */
export function storedName() {
  const name = load(() => sessionStorage, NAME) ?? load(() => localStorage, NAME);
  return typeof name === "string" ? name : "";
}

/** @param {string} name */
export function storeName(name) {
  save(() => sessionStorage, NAME, name);
  save(() => localStorage, NAME, name);
}

/** @returns {string[]} The rooms that somebody joined in this browser and did not leave. */
export function storedRooms() {
  const names = load(() => localStorage, ROOMS);
  if (!Array.isArray(names)) return [];
  return names.filter((name) => typeof name === "string" && roomName(name) === name).slice(0, MAX_ROOMS);
}

/** @param {string} name */
export function storeRoom(name) {
  const names = storedRooms();
  if (!names.includes(name)) save(() => localStorage, ROOMS, [...names, name]);
}

/** @param {string} name */
export function forgetRoom(name) {
  const names = storedRooms().filter((other) => other !== name);
  save(() => localStorage, ROOMS, names);
}

/** @typedef {{name: string, room: string}} TabState The user of this tab, and the open room. */

/** @returns {TabState | null} Null if nobody has joined in this tab. */
export function storedTab() {
  const tab = load(() => sessionStorage, TAB);
  return typeof tab?.name === "string" && typeof tab.room === "string" ? tab : null;
}

/** @param {TabState | null} tab Null once the user has left. */
export function storeTab(tab) {
  save(() => sessionStorage, TAB, tab);
}

/** @returns {Map<string, string>} The unsent texts of this tab, by the name of the room. */
export function storedDrafts() {
  /** @type {[string, unknown][]} */
  const drafts = Object.entries(load(() => sessionStorage, DRAFTS) ?? {});
  return new Map(drafts.filter(/** @returns {entry is [string, string]} */ (entry) => typeof entry[1] === "string"));
}

/** @param {Map<string, string>} drafts */
export function storeDrafts(drafts) {
  save(() => sessionStorage, DRAFTS, drafts.size > 0 ? Object.fromEntries(drafts) : null);
}

/**
 * @param {string} name
 * @returns {import("./client/outbox.js").Request[]} The unanswered requests of this user.
 */
export function storedRequests(name) {
  const stored = load(() => sessionStorage, UNSENT);
  const isOwn = typeof stored?.name === "string" && nameKey(stored.name) === nameKey(name);
  return isOwn && Array.isArray(stored.requests) ? stored.requests : [];
}

/**
 * @param {string} name
 * @param {import("./client/outbox.js").Request[]} requests
 */
export function storeRequests(name, requests) {
  save(() => sessionStorage, UNSENT, requests.length > 0 ? { name, requests } : null);
}

/**
 * @param {() => Storage} storage
 * @param {string} key
 * @returns {any} Null for nothing.
 */
function load(storage, key) {
  try {
    return JSON.parse(storage().getItem(key) ?? "null");
  } catch {
    return null; // The browser forbids storage, or another program wrote the value.
  }
}

/**
 * @param {() => Storage} storage
 * @param {string} key
 * @param {unknown} value Null removes it.
 */
function save(storage, key, value) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, JSON.stringify(value));
  } catch (error) {
    console.warn("the browser does not store", key, error);
  }
}
