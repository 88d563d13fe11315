/** User names: when two are the same. */

/**
 * The comparison form of a name (RFC 8266).
 *
 * @param {string} name
 * @returns {string} Equal for names of the same user, such as `Ann` and `ann`.
 */
export function nameKey(name) {
  const spaced = name.replace(/\p{Zs}+/gu, " ").trim();
  return spaced.toLowerCase().normalize("NFKC");
}
