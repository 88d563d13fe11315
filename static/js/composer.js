/** The field to write a message in. */

import { MESSAGE_CHARS } from "./client/wire.js";
import { find } from "./dom.js";

/** The counter shows when fewer characters than this are left. */
const COUNTER_BELOW = 200;

/** A text field that grows, counts, and sends on Enter. */
export class Composer {
  #text;
  #send;
  #counter;
  #listener;

  /**
   * @param {HTMLFormElement} form
   * @param {object} listener
   * @param {(text: string) => void} listener.onSend
   * @param {() => void} listener.onUp The user pressed the up arrow in the empty field.
   * @param {(text: string) => void} listener.onChanged The user changed the text.
   * @param {() => void} listener.onTyped The user typed, and the field has text.
   * @param {() => void} listener.onEnded The user sent or deleted the text, or left the field.
   */
  constructor(form, listener) {
    this.#text = find("textarea", HTMLTextAreaElement, form);
    this.#send = find("button", HTMLButtonElement, form);
    this.#counter = find("output", HTMLOutputElement, form);
    this.#listener = listener;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#text.addEventListener("input", () => this.#typed());
    this.#text.addEventListener("blur", () => listener.onEnded());
  }

  /** @param {boolean} isConnected */
  set isConnected(isConnected) {
    this.#text.placeholder = isConnected ? "Write a message" : "Not connected. Messages will be sent later";
  }

  get text() {
    return this.#text.value;
  }

  set text(text) {
    this.#text.value = text;
    this.#review();
  }

  focus() {
    this.#text.focus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "ArrowUp" && this.#text.value === "") {
      event.preventDefault();
      this.#listener.onUp();
    }
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    this.#submit();
  }

  #typed() {
    this.#review();
    this.#listener.onChanged(this.#text.value);
    if (this.#text.value === "") this.#listener.onEnded();
    else this.#listener.onTyped();
  }

  #submit() {
    if (this.#send.disabled) return;
    const text = this.#text.value;
    this.text = "";
    this.#listener.onSend(text);
    this.#listener.onEnded();
    this.focus();
  }

  #review() {
    const left = MESSAGE_CHARS - codePoints(this.#text.value);
    this.#counter.hidden = left >= COUNTER_BELOW;
    this.#counter.textContent = left >= 0 ? `${left} left` : `${-left} too many`;
    this.#text.ariaInvalid = left < 0 ? "true" : null;
    this.#send.disabled = left < 0 || this.#text.value.trim() === "";
    fitHeight(this.#text);
  }
}

/** @param {HTMLTextAreaElement} field Gets the height of its text. */
export function fitHeight(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

/**
 * @param {KeyboardEvent} event
 * @returns {boolean} Whether an input method is composing, so that Enter picks a candidate. Safari
 *   reports it with the old key code only.
 */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/**
 * @param {string} text
 * @returns {number} Its length in code points, as the server counts, not in UTF-16 units.
 */
export function codePoints(text) {
  return Array.from(text).length;
}
