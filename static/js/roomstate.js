/** How the rooms stand in the list: what is unread in each, and their order. Knows no page. */

import { mentions } from "./mentions.js";
import { t } from "./messages.js";

/** Rooms above this number have a field to filter them. */
export const MANY_ROOMS = 8;

/**
 * @typedef {object} RoomState
 * @property {string} name
 * @property {number} unread The loaded unread messages of others; 0 in a muted room.
 * @property {boolean} isMore There may be more that are not loaded.
 * @property {number} mentions Those of them that mention the user.
 * @property {boolean} isMarked The person marked it as unread.
 * @property {boolean} isPinned
 * @property {boolean} isMuted
 * @property {number} activeAt
 */

/** Whether a message mentions the user, with its text then: an edit may change it. @type {WeakMap<object, [string, boolean]>} */
const known = new WeakMap();

/**
 * @param {import("./client/room.js").Room} room
 * @param {import("./preferences.js").Preference} preference
 * @param {string} ownName
 * @returns {RoomState}
 */
export function stateOf(room, { isPinned, isMuted, isMarked }, ownName) {
  const { name, activeAt } = room;
  const unread = isMuted ? [] : room.unreadMessages;
  return {
    name,
    activeAt,
    isPinned,
    isMuted,
    isMarked,
    unread: unread.length,
    isMore: !isMuted && room.mayHaveMoreUnread,
    mentions: unread.filter((entry) => doesMention(entry, ownName)).length,
  };
}

/**
 * Pinned rooms first, then those with unread messages, then by the last message.
 *
 * @param {RoomState[]} rooms
 * @param {readonly string[] | null} present The order on the page, if it must not change now. New rooms
 *   follow.
 * @returns {RoomState[]}
 */
export function ordered(rooms, present = null) {
  const places = new Map(present?.map((name, at) => [name, at]));
  return [...rooms].sort((one, other) => {
    const [at, otherAt] = [places.get(one.name), places.get(other.name)];
    if (at !== undefined && otherAt !== undefined) return at - otherAt;
    if (at !== undefined) return -1;
    return otherAt !== undefined ? 1 : compare(one, other);
  });
}

/**
 * @param {RoomState} one
 * @param {RoomState} other
 */
function compare(one, other) {
  return (
    Number(other.isPinned) - Number(one.isPinned) ||
    Number(isUnread(other)) - Number(isUnread(one)) ||
    other.activeAt - one.activeAt ||
    (one.name < other.name ? -1 : 1)
  );
}

/** @param {RoomState} room */
function isUnread({ unread, isMarked }) {
  return unread > 0 || isMarked;
}

/**
 * @param {RoomState} room
 * @returns {string} What the badge says; a dot stands for an unknown number, and an empty text for none.
 */
export function badgeOf({ unread, isMore, isMarked }) {
  if (unread === 0) return isMore || isMarked ? "•" : "";
  return shortCount(unread, isMore);
}

/**
 * @param {RoomState} room
 * @returns {string} The name of the room, with what is unread.
 */
export function labelOf({ name, unread, isMore, isMarked, mentions: count }) {
  const words = [name];
  if (unread > 0) words.push(t(isMore ? "rooms.unread-more" : "rooms.unread", { count: unread }));
  else if (isMarked) words.push(t("rooms.marked"));
  else if (isMore) words.push(t("rooms.maybe"));
  if (count > 0) words.push(t("rooms.mentions", { count }));
  return words.join(", ");
}

/**
 * @param {number} count
 * @param {boolean} [isMore]
 * @returns {string} At most three characters.
 */
export function shortCount(count, isMore = false) {
  if (count > 99) return "99+";
  return isMore ? `${count}+` : String(count);
}

/**
 * @param {import("./client/timeline.js").Entry} entry
 * @param {string} ownName
 */
function doesMention(entry, ownName) {
  const { message } = entry;
  const [text, before] = known.get(entry) ?? [null, false];
  if (text === message) return before;
  const result = mentions(message, ownName);
  known.set(entry, [message, result]);
  return result;
}
