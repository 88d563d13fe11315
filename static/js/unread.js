/** The number of unread messages, in the tab's title and beside the button to the other rooms. */

import { find } from "./dom.js";
import { shortCount } from "./roomstate.js";

const TITLE = document.title;

/**
 * Show how many messages are unread.
 *
 * @param {import("./roomstate.js").RoomState[]} rooms All rooms of this person.
 * @param {string} current The name of the open room.
 */
export function showUnread(rooms, current) {
  const total = sum(rooms);
  const title = total === 0 ? TITLE : `(${total}) ${TITLE}`;
  if (document.title !== title) document.title = title;
  const elsewhere = sum(rooms.filter(({ name }) => name !== current));
  const badge = find("#rooms-toggle-count", HTMLElement);
  badge.hidden = elsewhere === 0;
  badge.textContent = shortCount(elsewhere);
}

/** @param {import("./roomstate.js").RoomState[]} rooms */
function sum(rooms) {
  return rooms.reduce((count, { unread }) => count + unread, 0);
}
