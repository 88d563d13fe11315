/** Names of people: when two are the same, and how one looks. */

/** How many colours `hueClass` knows; `base.css` has as many. */
const HUES = 12;

/**
 * What two spellings of one name have in common, after the comparison of RFC 8266.
 *
 * @param {string} name
 * @returns {string} Equal for names that the server takes for one user, as `Ann` and `ann`.
 */
export function nameKey(name) {
  const spaced = name.replace(/\p{Zs}+/gu, " ").trim();
  return spaced.toLowerCase().normalize("NFKC");
}

/**
 * The colour of a person, the same in every window and after each reload.
 *
 * @param {string} name
 * @returns {string} A class name.
 */
export function hueClass(name) {
  let hash = 0;
  for (const character of nameKey(name)) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return `hue-${hash % HUES}`;
}

/**
 * A round picture with the first letter of a name, for the eye only.
 *
 * @param {string} name
 * @returns {HTMLElement}
 */
export function avatar(name) {
  const picture = document.createElement("span");
  picture.className = "avatar";
  picture.ariaHidden = "true";
  picture.textContent = (Array.from(name.trim())[0] ?? "?").toUpperCase();
  return picture;
}
