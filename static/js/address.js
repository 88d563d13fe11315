/** The part of the page's address after `#`: the open room, and the token of a login link. */

import { DEFAULT_ROOM, roomName } from "./client/wire.js";

/** @returns {string} The room named in the address; empty for no room or an invalid name. */
export function roomInAddress() {
  return roomName(parameters().get("room") ?? "");
}

/** @param {string} name The open room. A person can share the address. */
export function showRoomInAddress(name) {
  const hash = name === DEFAULT_ROOM || name === "" ? "" : `#room=${name}`;
  history.replaceState(history.state, "", location.pathname + location.search + hash);
}

/**
 * Remove the token from the address.
 *
 * @returns {string | null} The token; null if the address had none.
 */
export function takeTokenFromAddress() {
  const token = parameters().get("token");
  if (token !== null) showRoomInAddress(roomInAddress());
  return token;
}

function parameters() {
  return new URLSearchParams(location.hash.slice(1));
}
