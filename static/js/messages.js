/**
 * The texts of the page in the language of the browser. `texts/` holds them, and `loadTexts`
 * loads those of another language than English.
 *
 * `t("rooms.leave", { room })` returns a text with its values; a number is formatted.
 *
 * In chat.html an element with `data-t="key"` gets the text as its content, and one with `data-t-label`,
 * `data-t-placeholder` or `data-t-title` as that attribute. The English there serves until scripts run.
 */

import { TEXTS as ENGLISH } from "./texts/en.js";

/** @typedef {string | {one: string, other: string}} Text */

/** @typedef {keyof typeof ENGLISH} Key */

const LANGUAGES = /** @type {const} */ (["en", "de"]);

/** The language of the page's texts: the first of the browser's languages that the page has. */
export const language = chosenLanguage(globalThis.navigator?.languages ?? []);

/** The browser's own form of that language, for dates and numbers: `en-GB` differs from `en-US`. */
export const locale = navigatorLocale();

/** @type {Record<Key, Text>} */
let texts = ENGLISH;
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(locale);

/** Load the texts of the page's language, before the first of them is shown. */
export async function loadTexts() {
  if (language === "de") texts = (await import("./texts/de.js")).TEXTS;
}

/**
 * A text in the language of the page.
 *
 * @param {Key} key
 * @param {Record<string, string | number>} [values] The values of the text's `{names}`.
 * @returns {string}
 */
export function t(key, values = {}) {
  return filled(texts[key], values);
}

/**
 * Whether a text exists, for keys that are made of a code of the server.
 *
 * @param {string} key
 * @returns {key is Key}
 */
export function hasText(key) {
  return Object.hasOwn(ENGLISH, key);
}

/**
 * Put the texts into the elements that name one.
 *
 * @param {ParentNode} root
 */
export function fillTexts(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = named(element, "data-t");
  for (const [name, attribute] of [
    ["data-t-label", "aria-label"],
    ["data-t-placeholder", "placeholder"],
    ["data-t-title", "title"],
  ]) {
    for (const element of root.querySelectorAll(`[${name}]`)) element.setAttribute(attribute, named(element, name));
  }
}

/**
 * @param {readonly string[]} wanted The person's languages, the preferred one first.
 * @returns {(typeof LANGUAGES)[number]}
 */
export function chosenLanguage(wanted) {
  for (const tag of wanted) {
    const found = LANGUAGES.find((one) => tag.toLowerCase().split("-")[0] === one);
    if (found !== undefined) return found;
  }
  return "en";
}

/**
 * @param {Text} text
 * @param {Record<string, string | number>} values
 */
function filled(text, values) {
  const form = typeof text === "string" ? text : text[plurals.select(Number(values.count)) === "one" ? "one" : "other"];
  return form.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name] ?? whole;
    return typeof value === "number" ? numbers.format(value) : value;
  });
}

/**
 * @param {Element} element
 * @param {string} attribute
 */
function named(element, attribute) {
  const key = element.getAttribute(attribute) ?? "";
  if (!hasText(key)) throw new TypeError(`no text ${key}`);
  return t(key);
}

function navigatorLocale() {
  const tag = globalThis.navigator?.languages?.find((one) => one.toLowerCase().split("-")[0] === language);
  return tag ?? language;
}
