/** Pictures of the people that have read up to a message. */

import { make } from "./dom.js";
import { locale, t } from "./messages.js";
import { avatar, hueClass } from "./names.js";
import { harmless } from "./richtext.js";

/** The page shows pictures of this many readers of a message, and counts the rest. */
const MAX_PICTURES = 3;

const LIST = new Intl.ListFormat(locale, { type: "conjunction" });

/**
 * @param {readonly string[]} readers
 * @returns {HTMLElement[]}
 */
export function readerPictures(readers) {
  if (readers.length === 0) return [];
  const more = readers.length - MAX_PICTURES;
  const named = readers.slice(0, MAX_PICTURES);
  const items = more > 0 ? [...named, t("log.others", { count: more })] : named;
  const words = make("span", "visually-hidden", t("log.seen-by", { names: harmless(LIST.format(items)) }));
  const pictures = named.map((name) => {
    const picture = make("span", `reader ${hueClass(name)}`);
    picture.dataset.letter = avatar(name).textContent ?? "";
    return picture;
  });
  if (more > 0) {
    const rest = make("span", "reader rest");
    rest.dataset.letter = `+${more}`;
    pictures.push(rest);
  }
  return [words, ...pictures];
}
