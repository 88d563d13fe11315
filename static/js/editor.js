/** The form to edit a message in its place. */

import { MESSAGE_CHARS } from "./client/wire.js";
import { codePoints } from "./composer.js";
import { make, makeButton } from "./dom.js";
import { isComposing, isSending, touchQuery } from "./keys.js";
import { t } from "./messages.js";
import { Offering } from "./offering.js";
import { fitHeight, markSelection } from "./textfield.js";

/** Several messages may be edited at a time, and each list has an id. */
let lastList = 0;

/**
 * Make the form. Enter saves, unless the device makes a new line of it, and Escape cancels.
 * It completes names and emoji, as the composer does.
 *
 * @param {string} text The present text.
 * @param {(text: string | null) => void} onDone Gets the new text; null for no change.
 * @param {(text: string) => void} onChanged The user changed the text.
 * @param {() => Iterable<string>} names Of people to mention, the likeliest first.
 * @returns {{form: HTMLFormElement, field: HTMLTextAreaElement, resume: (text: string) => void, end: () => void}}
 *   The caller puts the form on the page. `resume` continues with a half-made edit, and `end` removes the form.
 */
export function makeEditor(text, onDone, onChanged, names) {
  const form = make("form", "editor");
  const field = make("textarea", "");
  const touch = touchQuery();
  field.ariaLabel = t("editor.label");
  field.enterKeyHint = touch.matches ? "enter" : "done";
  field.rows = 1;
  field.value = text;
  const { list, status, box } = makeOffers(field);
  const gone = new AbortController();
  const offering = new Offering(field, list, status, names, gone.signal);
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
    if (offering.pressed(event) || markSelection(event, field)) return;
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
  form.append(box, status, save, cancel);
  const resume = (/** @type {string} */ half) => {
    field.value = half;
    review();
  };
  const end = () => {
    gone.abort();
    form.remove();
  };
  return { form, field, resume, end };
}

/** @param {HTMLTextAreaElement} field */
function makeOffers(field) {
  const box = make("div", "editor-field");
  const list = make("ul", "offers");
  list.id = `offers-${(lastList += 1)}`;
  list.role = "listbox";
  list.ariaLabel = t("completion.label");
  list.hidden = true;
  field.ariaAutoComplete = "list";
  field.ariaHasPopup = "listbox";
  const status = make("p", "visually-hidden");
  status.role = "status";
  box.ariaLive = "off"; // it is in the log, where a new line is read out
  box.append(field, list);
  return { list, status, box };
}
