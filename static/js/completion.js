/** Offers names after `@` and emoji after `:` while a person writes. */

import { nameKey } from "./client/names.js";
import { make } from "./dom.js";
import { emojiNamed, findEmoji } from "./emoji.js";
import { isComposing } from "./keys.js";
import { WORD } from "./markup.js";
import { t } from "./messages.js";
import { harmless } from "./richtext.js";
import { replaceText } from "./textfield.js";

/** A list that needs no scrolling on a phone. */
const MAX_OFFERS = 8;

/** A longer text after the sign is no name. */
const MAX_QUERY = 40;

const MENTION = /@([^@\n]*)$/u;
const EMOJI = /:([a-z0-9+-][a-z0-9_-]+)$/i;
const WHOLE_EMOJI = /:([a-z0-9+_-]+):$/i;

/**
 * @typedef {object} Offer
 * @property {string} text What the field gets.
 * @property {string} label What the list shows.
 * @property {string} sign The picture in front of it; empty for none.
 */

/** @typedef {{start: number, offers: Offer[]}} Offers What may replace the text from `start` to the caret. */

/**
 * @param {string} text
 * @param {number} caret
 * @param {() => Iterable<string>} names Of people, the likeliest first.
 * @returns {Offers | null} Null for nothing to offer.
 */
export function offersAt(text, caret, names) {
  const before = text.slice(Math.max(0, caret - MAX_QUERY), caret);
  const found = mentionOffers(before, names) ?? emojiOffers(before);
  return found && { start: caret - before.length + found.start, offers: found.offers };
}

/**
 * @param {string} text
 * @param {number} caret
 * @returns {import("./textfield.js").Replacement | null} The emoji for the name in colons before the caret.
 */
export function wholeEmoji(text, caret) {
  const found = WHOLE_EMOJI.exec(text.slice(Math.max(0, caret - MAX_QUERY), caret));
  const sign = found === null ? "" : emojiNamed(found[1]);
  if (found === null || sign === "" || WORD.test(text[caret - found[0].length - 1] ?? "")) return null;
  const start = caret - found[0].length;
  return { start, end: caret, text: sign, select: [start + sign.length, start + sign.length] };
}

/**
 * @param {string} before
 * @param {() => Iterable<string>} names
 * @returns {Offers | null}
 */
function mentionOffers(before, names) {
  const found = MENTION.exec(before);
  if (found === null || WORD.test(before[found.index - 1] ?? "")) return null;
  // Behind a space the name may be complete, and Enter must send.
  if (/^\s|\s$/.test(found[1])) return null;
  const query = nameKey(found[1]);
  /** @type {Map<string, string>} */
  const byKey = new Map();
  for (const name of names()) if (!byKey.has(nameKey(name))) byKey.set(nameKey(name), name);
  const people = [...byKey];
  const first = people.filter(([key]) => key.startsWith(query));
  const more = people.filter(([key]) => !key.startsWith(query) && key.includes(` ${query}`));
  const offers = [...first, ...more].slice(0, MAX_OFFERS).map(([, name]) => ({ text: `@${name} `, label: harmless(name), sign: "" }));
  return offers.length > 0 ? { start: found.index, offers } : null;
}

/**
 * @param {string} before
 * @returns {Offers | null}
 */
function emojiOffers(before) {
  const found = EMOJI.exec(before);
  if (found === null || /[\p{L}\p{N}_:/]/u.test(before[found.index - 1] ?? "")) return null;
  const offers = findEmoji(found[1], MAX_OFFERS).map(({ name, sign }) => ({ text: `${sign} `, label: `:${name}:`, sign }));
  return offers.length > 0 ? { start: found.index, offers } : null;
}

/**
 * The list of offers above a text field. The focus stays in the field, and the list tells a screen reader
 * through it which offer is chosen.
 */
export class Completion {
  #field;
  #list;
  #status;
  #names;
  /** @type {Offers | null} */
  #open = null;
  #chosen = 0;
  /** The place of a sign whose list the person has closed; -1 for none. */
  #closedAt = -1;

  /**
   * @param {HTMLTextAreaElement} field
   * @param {HTMLElement} list An empty list box.
   * @param {HTMLElement} status Announces the number of offers.
   * @param {() => Iterable<string>} names Of people, the likeliest first.
   * @param {AbortSignal} [signal] The field has left the page.
   */
  constructor(field, list, status, names, signal) {
    this.#field = field;
    this.#list = list;
    this.#status = status;
    this.#names = names;
    field.addEventListener("input", (event) => this.typed(event));
    field.addEventListener("blur", () => this.close());
    document.addEventListener("selectionchange", () => this.#moved(), { signal });
    // A press must not take the focus from the field.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", ({ target }) => {
      const option = target instanceof Element ? target.closest("[role=option]") : null;
      if (option !== null) this.#take([...list.children].indexOf(option));
    });
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} Whether the list has used the key.
   */
  pressed(event) {
    if (this.#open === null || isComposing(event)) return false;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
    switch (event.key) {
      case "ArrowDown":
        this.#choose(this.#chosen + 1);
        break;
      case "ArrowUp":
        this.#choose(this.#chosen - 1);
        break;
      case "Enter":
      case "Tab":
        this.#take(this.#chosen);
        break;
      case "Escape":
        this.#closedAt = this.#open.start;
        this.close();
        break;
      default:
        return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  close() {
    if (this.#open === null) return;
    this.#open = null;
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#status.textContent = "";
    for (const name of ["aria-activedescendant", "aria-controls"]) this.#field.removeAttribute(name);
  }

  /** @param {Event} event Of the field. */
  typed(event) {
    if (event instanceof InputEvent && event.isComposing) return;
    const { value, selectionStart, selectionEnd } = this.#field;
    if (selectionStart !== selectionEnd) return this.close();
    const typed = event instanceof InputEvent ? event.data : null;
    const emoji = typed === ":" ? wholeEmoji(value, selectionStart) : null;
    if (emoji !== null) {
      this.close();
      replaceText(this.#field, emoji);
      return;
    }
    const open = offersAt(value, selectionStart, this.#names);
    if (open?.start !== this.#closedAt) this.#closedAt = -1;
    if (open === null || this.#closedAt >= 0) this.close();
    else this.#show(open);
  }

  /** The caret has left the text that the list completes. */
  #moved() {
    if (this.#open === null || document.activeElement !== this.#field) return;
    const { value, selectionStart, selectionEnd } = this.#field;
    const now = selectionStart === selectionEnd ? offersAt(value, selectionStart, this.#names) : null;
    if (now?.start !== this.#open.start) this.close();
  }

  /** @param {Offers} open */
  #show(open) {
    const count = open.offers.length;
    if (this.#open?.offers.length !== count) this.#status.textContent = t("completion.count", { count });
    this.#open = open;
    this.#list.replaceChildren(...open.offers.map((offer, at) => optionOf(offer, `${this.#list.id}-${at}`)));
    this.#list.hidden = false;
    // A field at the top of the log has no room for the list above it.
    this.#list.classList.remove("below");
    const top = this.#list.offsetParent?.closest(".scroller")?.getBoundingClientRect().top ?? 0;
    this.#list.classList.toggle("below", this.#list.getBoundingClientRect().top < top);
    this.#field.setAttribute("aria-controls", this.#list.id);
    this.#choose(0);
  }

  /** @param {number} at Past either end it goes on at the other. */
  #choose(at) {
    const options = [...this.#list.children];
    this.#chosen = (at + options.length) % options.length;
    for (const [place, option] of options.entries()) option.ariaSelected = String(place === this.#chosen);
    const chosen = options[this.#chosen];
    this.#field.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  }

  /** @param {number} at */
  #take(at) {
    if (this.#open === null) return;
    const { start, offers } = this.#open;
    const { text } = offers[at];
    const end = this.#field.selectionEnd;
    // The offer brings a space of its own.
    const hasSpace = this.#field.value[end] === " ";
    this.close();
    const caret = start + text.length;
    replaceText(this.#field, { start, end: hasSpace ? end + 1 : end, text, select: [caret, caret] });
    this.close();
  }
}

/**
 * @param {Offer} offer
 * @param {string} id
 */
function optionOf({ label, sign }, id) {
  const option = make("li", "offer");
  option.id = id;
  option.role = "option";
  if (sign !== "") {
    const picture = make("span", "offer-sign", sign);
    picture.ariaHidden = "true";
    option.append(picture);
  }
  option.append(make("bdi", "", label));
  return option;
}
