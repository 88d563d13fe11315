/**
 * What the browser stores. For all tabs: the device secret and the last name, and for each user the
 * rooms, the drafts, the ids of sent messages, and preferences. For one tab, so that it survives a
 * reload: the name and the open room, and unsent requests.
 *
 * In a browser that forbids storage the page works, and a reload starts from nothing. A duplicated tab
 * has the same unsent requests with the same refs, so the server accepts each of them once.
 */

import { nameKey } from "./client/names.js";
import { newRef } from "./client/outbox.js";
import { MAX_ROOMS, roomName } from "./client/wire.js";

const DEVICE = "trio-chat-device";
const NAME = "trio-chat-name";
const TAB = "trio-chat-tab";

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

/**
 * @param {string} user
 * @returns {string[]} The rooms that the user joined in this browser and did not leave.
 */
export function storedRooms(user) {
  const names = loadFor(user, "rooms");
  if (!Array.isArray(names)) return [];
  return names.filter((name) => typeof name === "string" && roomName(name) === name).slice(0, MAX_ROOMS);
}

/**
 * @param {string} user
 * @param {string} room
 */
export function storeRoom(user, room) {
  const names = storedRooms(user);
  if (!names.includes(room)) saveFor(user, "rooms", [...names, room]);
}

/**
 * @param {string} user
 * @param {string} room
 */
export function forgetRoom(user, room) {
  const names = storedRooms(user).filter((other) => other !== room);
  saveFor(user, "rooms", names);
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

/**
 * @param {string} user
 * @returns {import("./client/outbox.js").Request[]} The unanswered requests of this user in this tab.
 */
export function storedRequests(user) {
  const requests = loadForTab(user, "unsent");
  return Array.isArray(requests) ? requests : [];
}

/**
 * @param {string} user
 * @param {import("./client/outbox.js").Request[]} requests
 */
export function storeRequests(user, requests) {
  saveForTab(user, "unsent", requests.length > 0 ? requests : null);
}

/**
 * What the browser stores for a user, in all tabs. A second user of the browser has another value.
 *
 * @param {string} user
 * @param {string} what
 * @returns {any} Null for nothing. Another program may have written it, so check its shape.
 */
export function loadFor(user, what) {
  return load(() => localStorage, keyOf(user, what));
}

/**
 * @param {string} user
 * @param {string} what
 * @param {unknown} value Null removes it.
 * @returns {boolean} False if the browser stores nothing.
 */
export function saveFor(user, what, value) {
  return save(() => localStorage, keyOf(user, what), value);
}

/**
 * As `loadFor`, in this tab only. It survives a reload, and it goes with the tab.
 *
 * @param {string} user
 * @param {string} what
 * @returns {any}
 */
export function loadForTab(user, what) {
  return load(() => sessionStorage, keyOf(user, what));
}

/**
 * @param {string} user
 * @param {string} what
 * @param {unknown} value Null removes it.
 * @returns {boolean} False if the browser stores nothing.
 */
export function saveForTab(user, what, value) {
  return save(() => sessionStorage, keyOf(user, what), value);
}

/**
 * @param {string} user
 * @param {string} what
 * @param {() => void} onChange Called when another tab has stored another value.
 */
export function onStored(user, what, onChange) {
  globalThis.addEventListener("storage", ({ key }) => {
    if (key === keyOf(user, what)) onChange();
  });
}

/**
 * @param {string} user
 * @param {string} what
 */
function keyOf(user, what) {
  return `trio-chat-${what}:${nameKey(user)}`;
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
 * @returns {boolean} False if the browser stores nothing.
 */
function save(storage, key, value) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, JSON.stringify(value));
    return true;
  } catch (error) {
    console.warn("the browser does not store", key, error);
    return false;
  }
}
