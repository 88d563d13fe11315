/** The form to edit a message in its place. */

import { MESSAGE_CHARS } from "./client/wire.js";
import { codePoints } from "./composer.js";
import { make, makeButton } from "./dom.js";
import { isComposing, isSending, touchQuery } from "./keys.js";
import { t } from "./messages.js";
import { fitHeight, markSelection } from "./textfield.js";

/**
 * Make the form. Enter saves, unless the device makes a new line of it, and Escape cancels.
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
  const touch = touchQuery();
  field.ariaLabel = t("editor.label");
  field.enterKeyHint = touch.matches ? "enter" : "done";
  field.rows = 1;
  field.value = text;
  const save = make("button", "text-button", t("editor.save"));
  const cancel = makeButton("text-button", t("editor.cancel"));
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
    if (markSelection(event, field)) return;
    if (isSending(event, touch.matches)) {
      event.preventDefault();
      form.requestSubmit(save.disabled ? undefined : save);
    } else if (event.key === "Escape" && !isComposing(event)) {
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
