/** The number of unread messages, in the tab's title and beside the button to the other rooms. */

import { find } from "./dom.js";
import { shortCount } from "./roomstate.js";

const TITLE = document.title;

/** The address of the icon without a number. @type {string | undefined} */
let icon;

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
  showOnIcon(sum(rooms, "mentions") || total);
  const elsewhere = sum(rooms.filter(({ name }) => name !== current));
  const badge = find("#rooms-toggle-count", HTMLElement);
  badge.hidden = elsewhere === 0;
  badge.textContent = shortCount(elsewhere);
}

/**
 * @param {import("./roomstate.js").RoomState[]} rooms
 * @param {"unread" | "mentions"} [what]
 */
function sum(rooms, what = "unread") {
  return rooms.reduce((count, room) => count + room[what], 0);
}

/**
 * The policy of the page allows no drawn icon, so each number has a file.
 *
 * @param {number} count Mentions of the user if there are any, else unread messages.
 */
function showOnIcon(count) {
  const link = find("link[rel=icon]", HTMLLinkElement);
  icon ??= link.href;
  const name = count > 9 ? "more" : String(count);
  const href = count === 0 ? icon : icon.replace(/favicon\.svg$/, `icons/unread-${name}.svg`);
  if (link.href !== href) link.href = href;
}
