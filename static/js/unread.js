/** The number of unread messages: in the tab's title, and beside the button to the other rooms. */

import { shortCount } from "./roomlist.js";

const TITLE = document.title;

/**
 * @param {import("./room.js").Room[]} rooms All of them.
 * @param {string} current The name of the one that is open.
 */
export function showUnread(rooms, current) {
  const sum = (some) => some.reduce((count, { unread }) => count + unread, 0);
  const total = sum(rooms);
  document.title = total === 0 ? TITLE : `(${total}) ${TITLE}`;
  const elsewhere = sum(rooms.filter(({ name }) => name !== current));
  const badge = document.querySelector("#rooms-toggle-count");
  badge.hidden = elsewhere === 0;
  badge.textContent = shortCount(elsewhere);
}
