/** The field where a message is written. */

import { MESSAGE_CHARS } from "./wire.js";

/** The counter shows when fewer characters than this are left. */
const COUNTER_BELOW = 200;

/** A text field that grows, counts and sends on Enter. */
export class Composer {
  #text;
  #send;
  #counter;
  #isConnected = false;
  #listener;

  /**
   * @param {HTMLFormElement} form
   * @param {object} listener
   * @param {(text: string) => boolean} listener.onSend False keeps the text.
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

  /** @param {boolean} isConnected While not, text can be written and stays, but not be sent. */
  set isConnected(isConnected) {
    this.#isConnected = isConnected;
    this.#text.placeholder = isConnected ? "Write a message" : "Not connected; what you write stays";
    this.#review();
  }

  focus() {
    this.#text.focus();
  }

  #pressed(event) {
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
    if (this.#send.disabled || !this.#listener.onSend(this.#text.value)) return;
    this.#text.value = "";
    this.#review();
    this.#listener.onEnded();
    this.focus();
  }

  #review() {
    const left = MESSAGE_CHARS - codePoints(this.#text.value);
    this.#counter.hidden = left >= COUNTER_BELOW;
    this.#counter.textContent = left >= 0 ? `${left} left` : `${-left} too many`;
    this.#text.ariaInvalid = left < 0 ? "true" : null;
    this.#send.disabled = !this.#isConnected || left < 0 || this.#text.value.trim() === "";
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}

/** While an input method composes, Enter picks a candidate; Safari says so by the old code only. */
function isComposing(event) {
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
