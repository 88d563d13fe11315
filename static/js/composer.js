/** The field where a message is written. */

import { MESSAGE_CHARS } from "./wire.js";

/** The counter shows when fewer characters than this are left. */
const COUNTER_BELOW = 200;

/** A text field that grows, counts and sends on Enter. */
export class Composer {
  #text;
  #send;
  #counter;
  #listener;

  /**
   * @param {HTMLFormElement} form
   * @param {object} listener
   * @param {(text: string) => void} listener.onSend
   * @param {() => void} listener.onUp The arrow up was pressed, and there is no text.
   * @param {() => void} listener.onTyped Something was typed, and there is text.
   * @param {() => void} listener.onEnded The text is gone, or the field was left.
   */
  constructor(form, listener) {
    this.#text = form.querySelector("textarea");
    this.#send = form.querySelector("button");
    this.#counter = form.querySelector("output");
    this.#listener = listener;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#text.addEventListener("input", () => this.#typed());
    this.#text.addEventListener("blur", () => listener.onEnded());
  }

  /** @param {boolean} isConnected While not, what is sent waits. */
  set isConnected(isConnected) {
    this.#text.placeholder = isConnected ? "Write a message" : "Not connected; what you send waits";
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
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}

/**
 * @param {KeyboardEvent} event
 * @returns {boolean} Whether an input method composes, so that Enter picks a candidate; Safari says so
 *   by the old code only.
 */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/**
 * @param {string} text
 * @returns {number} Its length as the server counts it: in code points, not in UTF-16 units.
 */
export function codePoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
