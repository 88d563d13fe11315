/** How a user name looks. */

import { nameKey } from "./client/names.js";
import { make } from "./dom.js";

/** The number of colours in `base.css`. */
const HUES = 12;

/**
 * The colour of a user, the same in every window and after every reload.
 *
 * @param {string} name
 * @returns {string} A class name.
 */
export function hueClass(name) {
  let hash = 0;
  for (const character of nameKey(name)) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return `hue-${hash % HUES}`;
}

/**
 * Make a round picture with the first letter of a name. Screen readers skip it.
 *
 * @param {string} name
 * @returns {HTMLElement}
 */
export function avatar(name) {
  const picture = make("span", "avatar", (Array.from(name.trim())[0] ?? "?").toUpperCase());
  picture.ariaHidden = "true";
  return picture;
}
