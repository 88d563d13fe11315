/** What the address says behind its `#`: the room that is open, and on the way in a token. */

import { DEFAULT_ROOM, roomName } from "./wire.js";

/** @returns {string} The room that a link leads to; empty where it names none, or none there could be. */
export function roomInAddress() {
  return roomName(parameters().get("room") ?? "");
}

/** @param {string} name The room that is open, so that the address may be passed on. */
export function showRoomInAddress(name) {
  const hash = name === DEFAULT_ROOM || name === "" ? "" : `#room=${name}`;
  history.replaceState(history.state, "", location.pathname + location.search + hash);
}

/** @returns {string | null} The token, which is out of the address from now on; null for none. */
export function takeTokenFromAddress() {
  const token = parameters().get("token");
  if (token !== null) showRoomInAddress(roomInAddress());
  return token;
}

function parameters() {
  return new URLSearchParams(location.hash.slice(1));
}
