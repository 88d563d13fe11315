/** The field to write a message in. */

import { MESSAGE_CHARS } from "./client/wire.js";
import { find } from "./dom.js";
import { isSending, touchQuery } from "./keys.js";
import { t } from "./messages.js";
import { Offering } from "./offering.js";
import { fitHeight, markSelection } from "./textfield.js";

/** The counter shows when fewer characters than this are left. */
const COUNTER_BELOW = 200;

/** A text field that grows, counts, and sends. */
export class Composer {
  #text;
  #send;
  #counter;
  #status;
  #hint;
  #listener;
  #offering;
  #touch = touchQuery();
  #isTooLong = false;

  /**
   * @param {HTMLFormElement} form
   * @param {object} listener
   * @param {(text: string) => void} listener.onSend
   * @param {() => Iterable<string>} listener.names Of people to mention, the likeliest first.
   * @param {() => void} listener.onUp The user pressed the up arrow in the empty field.
   * @param {(text: string) => void} listener.onChanged The user changed the text.
   * @param {() => void} listener.onTyped The user typed, and the field has text.
   * @param {() => void} listener.onEnded The user sent or deleted the text, or left the field.
   */
  constructor(form, listener) {
    this.#text = find("textarea", HTMLTextAreaElement, form);
    this.#send = find("#send", HTMLButtonElement, form);
    this.#counter = find("output", HTMLOutputElement, form);
    this.#status = find("#composer-status", HTMLElement, form);
    this.#hint = find("#composer-hint", HTMLElement, form);
    this.#listener = listener;
    const offers = find("#offers", HTMLElement, form);
    this.#offering = new Offering(this.#text, offers, this.#status, () => listener.names());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#text.addEventListener("input", () => this.#typed());
    this.#text.addEventListener("blur", () => listener.onEnded());
    this.#touch.addEventListener("change", () => this.#showHint());
    globalThis.addEventListener("resize", () => fitHeight(this.#text));
    this.#showHint();
  }

  /** @param {boolean} isConnected */
  set isConnected(isConnected) {
    this.#text.placeholder = t(isConnected ? "composer.placeholder" : "composer.offline");
  }

  get text() {
    return this.#text.value;
  }

  set text(text) {
    this.#offering.close();
    this.#text.value = text;
    this.#review();
  }

  focus() {
    this.#text.focus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (this.#offering.pressed(event)) return;
    if (markSelection(event, this.#text)) return;
    if (event.key === "ArrowUp" && this.#text.value === "") {
      event.preventDefault();
      this.#listener.onUp();
    } else if (isSending(event, this.#touch.matches)) {
      event.preventDefault();
      this.#submit();
    }
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
    const words = left >= 0 ? t("composer.left", { count: left }) : t("composer.too-many", { count: -left });
    this.#counter.hidden = left >= COUNTER_BELOW;
    this.#counter.textContent = words;
    this.#text.ariaInvalid = left < 0 ? "true" : null;
    this.#send.disabled = left < 0 || this.#text.value.trim() === "";
    fitHeight(this.#text);
    // The counter is silent: it changes with each key.
    if (this.#isTooLong === left < 0) return;
    this.#isTooLong = left < 0;
    this.#status.textContent = left < 0 ? words : "";
  }

  #showHint() {
    const onTouch = this.#touch.matches;
    this.#hint.textContent = t(onTouch ? "composer.hint-touch" : "composer.hint");
    this.#text.enterKeyHint = onTouch ? "enter" : "send";
  }
}

/**
 * @param {string} text
 * @returns {number} Its length in code points, as the server counts, not in UTF-16 units.
 */
export function codePoints(text) {
  return Array.from(text).length;
}
