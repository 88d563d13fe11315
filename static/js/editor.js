/** A message being changed in its place. */

import { codePoints, isComposing } from "./composer.js";
import { MESSAGE_CHARS } from "./wire.js";

/**
 * A form in place of a message: Enter saves, Escape gives up.
 *
 * @param {string} text What it says now.
 * @param {(text: string | null) => void} onDone With the new text, or null to leave it as it is.
 * @returns {HTMLFormElement} To be put on the page and removed again by whoever asked for it.
 */
export function editorForm(text, onDone) {
  const form = document.createElement("form");
  form.className = "editor";
  const field = document.createElement("textarea");
  field.ariaLabel = "Change the message";
  field.rows = 1;
  field.value = text;
  const save = button("submit", "Save");
  const cancel = button("button", "Cancel");
  cancel.addEventListener("click", () => onDone(null));
  const review = () => {
    save.disabled = field.value.trim() === "" || codePoints(field.value) > MESSAGE_CHARS;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  field.addEventListener("input", review);
  field.addEventListener("focus", review);
  field.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form.requestSubmit(save.disabled ? undefined : save);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      onDone(null);
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (save.disabled) return;
    onDone(field.value.trim() === text ? null : field.value);
  });
  form.append(field, save, cancel);
  return form;
}

function button(type, words) {
  const element = document.createElement("button");
  element.type = type;
  element.className = "text-button";
  element.textContent = words;
  return element;
}
