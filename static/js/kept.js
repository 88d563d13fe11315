/**
 * What the browser keeps of the chat: for all tabs who this device is, the last name and the rooms;
 * for one tab, over a reload, who is in, which room is open, what is begun and what is not yet sent.
 *
 * A browser that forbids storage may chat as well; then a reload begins from nothing. A duplicated tab
 * has the same unsent messages with the same refs, so the server takes each of them once.
 */

import { nameKey } from "./names.js";
import { newRef } from "./outbox.js";
import { MOST_ROOMS, roomName } from "./wire.js";

const DEVICE = "trio-chat-device";
const NAME = "trio-chat-name";
const ROOMS = "trio-chat-rooms";
const DRAFTS = "trio-chat-drafts";
const STAY = "trio-chat-stay";
const UNSENT = "trio-chat-unsent";

/** @returns {string} The secret by which the server knows this browser again: 128 random bits. */
export function deviceSecret() {
  const kept = recall(() => localStorage, DEVICE);
  const device = typeof kept === "string" && /^[!-~]{1,64}$/.test(kept) ? kept : newRef();
  if (device !== kept) keep(() => localStorage, DEVICE, device);
  return device;
}

/** @returns {string} This tab's name first, so that two tabs may have two; else the last one used. */
export function rememberedName() {
  const name = recall(() => sessionStorage, NAME) ?? recall(() => localStorage, NAME);
  return typeof name === "string" ? name : "";
}

/** @param {string} name */
export function rememberName(name) {
  keep(() => sessionStorage, NAME, name);
  keep(() => localStorage, NAME, name);
}

/** @returns {string[]} The rooms that were joined in this browser and not left. */
export function rememberedRooms() {
  const names = recall(() => localStorage, ROOMS);
  if (!Array.isArray(names)) return [];
  return names.filter((name) => typeof name === "string" && roomName(name) === name).slice(0, MOST_ROOMS);
}

/** @param {string} name */
export function rememberRoom(name) {
  const names = rememberedRooms();
  if (!names.includes(name)) keep(() => localStorage, ROOMS, [...names, name]);
}

/** @param {string} name */
export function forgetRoom(name) {
  const names = rememberedRooms().filter((other) => other !== name);
  keep(() => localStorage, ROOMS, names);
}

/** @returns {{name: string, room: string} | null} Who is in, in this tab, and where. */
export function currentStay() {
  const stay = recall(() => sessionStorage, STAY);
  return typeof stay?.name === "string" && typeof stay.room === "string" ? stay : null;
}

/** @param {{name: string, room: string} | null} stay Null where nobody is in any more. */
export function keepStay(stay) {
  keep(() => sessionStorage, STAY, stay);
}

/** @returns {Map<string, string>} What was begun in this tab, by the name of the room. */
export function keptDrafts() {
  const drafts = Object.entries(recall(() => sessionStorage, DRAFTS) ?? {});
  return new Map(drafts.filter(([, text]) => typeof text === "string"));
}

/** @param {Map<string, string>} drafts */
export function keepDrafts(drafts) {
  keep(() => sessionStorage, DRAFTS, drafts.size > 0 ? Object.fromEntries(drafts) : null);
}

/**
 * @param {string} name
 * @returns {import("./outbox.js").Request[]} What was written under this name and not yet sent.
 */
export function unsentOf(name) {
  const kept = recall(() => sessionStorage, UNSENT);
  const isOurs = typeof kept?.name === "string" && nameKey(kept.name) === nameKey(name);
  return isOurs && Array.isArray(kept.requests) ? kept.requests : [];
}

/**
 * @param {string} name
 * @param {import("./outbox.js").Request[]} requests
 */
export function keepUnsent(name, requests) {
  keep(() => sessionStorage, UNSENT, requests.length > 0 ? { name, requests } : null);
}

function recall(storage, key) {
  try {
    return JSON.parse(storage().getItem(key));
  } catch {
    return null; // Forbidden, or written by something else.
  }
}

function keep(storage, key, value) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, JSON.stringify(value));
  } catch (error) {
    console.warn("the browser does not keep", key, error);
  }
}
