/** Describes the people who type. */

/**
 * Describe who is typing.
 *
 * @param {string[]} names
 * @returns {string} Empty for nobody.
 */
export function typingLine(names) {
  if (names.length === 0) return "";
  return names.length === 1 ? `${names[0]} is typing…` : `${names.length} people are typing…`;
}
