/** The form to edit a message in its place. */

import { MESSAGE_CHARS } from "./client/wire.js";
import { codePoints, fitHeight, isComposing } from "./composer.js";
import { make, makeButton } from "./dom.js";

/**
 * Make the form. Enter saves, Escape cancels.
 *
 * @param {string} text The present text.
 * @param {(text: string | null) => void} onDone Gets the new text; null for no change.
 * @param {(text: string) => void} onChanged The user changed the text.
 * @returns {{form: HTMLFormElement, field: HTMLTextAreaElement, resume: (text: string) => void}} The
 *   caller puts the form on the page, and removes it. `resume` continues with a half-made edit.
 */
export function makeEditor(text, onDone, onChanged) {
  const form = make("form", "editor");
  const field = make("textarea", "");
  field.ariaLabel = "Edit message";
  field.rows = 1;
  field.value = text;
  const save = make("button", "text-button", "Save");
  const cancel = makeButton("text-button", "Cancel");
  cancel.addEventListener("click", () => onDone(null));
  const review = () => {
    save.disabled = field.value.trim() === "" || codePoints(field.value) > MESSAGE_CHARS;
    fitHeight(field);
  };
  field.addEventListener("input", () => {
    review();
    onChanged(field.value);
  });
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
  const resume = (/** @type {string} */ half) => {
    field.value = half;
    review();
  };
  return { form, field, resume };
}
