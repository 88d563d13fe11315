/** The number of unread messages, in the tab's title and beside the button to the other rooms. */

import { find } from "./dom.js";
import { shortCount } from "./roomlist.js";

const TITLE = document.title;

/**
 * Show how many messages are unread.
 *
 * @param {import("./client/room.js").Room[]} rooms All rooms of this person.
 * @param {string} current The name of the open room.
 */
export function showUnread(rooms, current) {
  const total = sum(rooms);
  document.title = total === 0 ? TITLE : `(${total}) ${TITLE}`;
  const elsewhere = sum(rooms.filter(({ name }) => name !== current));
  const badge = find("#rooms-toggle-count", HTMLElement);
  badge.hidden = elsewhere === 0;
  badge.textContent = shortCount(elsewhere);
}

/** @param {import("./client/room.js").Room[]} rooms */
function sum(rooms) {
  return rooms.reduce((count, { unread }) => count + unread, 0);
}
