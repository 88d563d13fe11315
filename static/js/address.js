/**
 * The part of the page's address after `#`: the open room, a message in it, and the token of a login link.
 *
 *     #/room/dev          the room dev
 *     #/room/dev/1234     the message with `seq` 1234 in it
 *     #room=dev           the room dev, in links of earlier versions
 *     #token=…            a login link; `&room=dev` may follow
 */

import { roomName } from "./client/wire.js";

const PATH = /^#\/room\/([^/]*)(?:\/(\d{1,15}))?$/;

/** @typedef {{room: string, seq: number}} Place A room, and a message in it; `seq` is 0 for none. */

/** @returns {Place} What the address names. The room is empty for none or an invalid name. */
export function placeInAddress() {
  const path = PATH.exec(location.hash);
  if (path !== null) return { room: roomName(path[1]), seq: Number(path[2] ?? 0) };
  return { room: roomName(parameters().get("room") ?? ""), seq: 0 };
}

/**
 * @param {Place} place
 * @returns {string} The address of the page with that place. A person can share it.
 */
export function addressOf({ room, seq }) {
  const hash = room === "" ? "" : `#/room/${room}${seq > 0 ? `/${seq}` : ""}`;
  return location.pathname + location.search + hash;
}

export function hasTokenInAddress() {
  return parameters().has("token");
}

/**
 * Remove the token from the address.
 *
 * @returns {string | null} The token; null if the address had none.
 */
export function takeTokenFromAddress() {
  const token = parameters().get("token");
  if (token !== null) history.replaceState(history.state, "", addressOf(placeInAddress()));
  return token;
}

function parameters() {
  return new URLSearchParams(location.hash.slice(1));
}
