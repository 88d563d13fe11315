/** The rows of the conversation. Each is made once and then changed, so that nothing flickers. */

import { make, makeButton } from "./dom.js";
import { makeEditor } from "./editor.js";
import { avatar, hueClass } from "./names.js";
import { timeElement } from "./times.js";

/** @typedef {import("./lines.js").Line} Line */

const STATES = { sending: "Sending", sent: "Sent", seen: "Seen", failed: "Failed" };

const FAILURES = { message: "Not sent", edit: "Not edited", delete: "Not deleted" };

/** The page names this many readers of a message, and counts the rest. */
const MAX_NAMED = 3;

/** The row of a notice or a divider. */
export class PlainRow {
  element;
  #text = "";

  /** @param {Line} line */
  constructor(line) {
    this.element = make("p", line.kind);
    this.element.dir = "auto";
    this.update(line);
  }

  /** @param {Line} line */
  update({ key, seq, text, subject, ts, time = "" }) {
    if (seq !== undefined) this.element.dataset.seq = String(seq);
    if (key === "new") this.element.classList.add("new");
    if (text === this.#text) return;
    this.#text = text;
    this.element.textContent = text;
    if (subject !== undefined) this.element.prepend(make("bdi", "subject", subject));
    if (ts !== undefined) this.element.append(" ", timeElement(ts, time));
  }
}

/** The row of a message. */
export class MessageRow {
  element = make("article", "message");
  #line;
  #bubble = make("div", "bubble");
  #text = make("p", "text");
  #meta = make("span", "meta");
  #actions = make("div", "actions");
  #error = make("p", "row-error");
  #seen = make("p", "seen");
  /** @type {HTMLFormElement | null} */
  #editor = null;

  /** @param {Line} line */
  constructor(line) {
    const { username = "", isOwn } = line;
    this.#line = line;
    this.#text.dir = "auto";
    // A screen reader should read the message, and not how far it has come.
    this.#meta.ariaLive = "off";
    this.#seen.ariaLive = "off";
    this.#bubble.append(this.#text, this.#meta);
    const name = make("bdi", "name", username);
    this.element.append(avatar(username), name, this.#bubble, this.#actions, this.#error, this.#seen);
    this.element.classList.add(isOwn ? "own" : "other", hueClass(username));
    if (isOwn) this.element.tabIndex = -1; // A tap focuses the message, and so shows its actions.
    this.#show(line);
  }

  /** The line it shows. */
  get line() {
    return this.#line;
  }

  /** @param {Line} line */
  update(line) {
    const before = this.#line;
    this.#line = line;
    if (JSON.stringify(before) !== JSON.stringify(line)) this.#show(line);
  }

  /**
   * @param {(text: string | null) => void} onDone Called once, with null for no change.
   * @param {(text: string) => void} onChanged Gets the text after each change.
   * @param {string} [half] A half-made edit to continue, without the focus.
   */
  edit(onDone, onChanged, half) {
    if (this.#editor !== null) return;
    const { form, field, resume } = makeEditor(
      this.#line.text,
      (text) => {
        this.#endEditing();
        onDone(text);
      },
      onChanged,
    );
    this.#editor = form;
    this.element.classList.add("editing");
    this.#bubble.append(form);
    if (half === undefined) field.focus();
    else resume(half);
  }

  /** @param {boolean} isStop Whether the Tab key reaches the actions. */
  set isTabStop(isStop) {
    for (const button of this.#actions.querySelectorAll("button")) button.tabIndex = isStop ? 0 : -1;
  }

  /** Focus the first action. */
  focus() {
    this.#actions.querySelector("button")?.focus();
  }

  /** @param {Line} line */
  #show(line) {
    const { classList, dataset } = this.element;
    classList.toggle("continued", line.isContinued === true);
    classList.toggle("deleted", line.isDeleted === true);
    setData(dataset, "seq", line.seq?.toString());
    setData(dataset, "state", line.state);
    this.#text.textContent = line.isDeleted ? "This message was deleted" : line.text;
    this.#meta.replaceChildren(...metaOf(line));
    this.#showActions(line);
    this.#error.replaceChildren(...errorOf(line));
    this.#error.hidden = this.#error.childElementCount === 0;
    this.#seen.textContent = seenText(line.seenBy ?? []);
    this.#seen.title = (line.seenBy ?? []).join(", ");
    if (line.isDeleted) this.#endEditing();
  }

  /** @param {Line} line */
  #showActions({ mayEdit = false, id, isDeleted, ref, state }) {
    const isPending = ref !== undefined && state !== "sent" && state !== "seen";
    const mayChange = mayEdit && id !== undefined && !isDeleted && !isPending;
    if (mayChange === this.#actions.childElementCount > 0) return;
    const buttons = mayChange ? [actionButton("edit", "Edit"), actionButton("delete", "Delete")] : [];
    this.#actions.replaceChildren(...buttons);
  }

  #endEditing() {
    this.#editor?.remove();
    this.#editor = null;
    this.element.classList.remove("editing");
  }
}

/**
 * @param {Line} line
 * @returns {HTMLElement[]}
 */
function metaOf({ ts, time = "", isEdited, isDeleted, state }) {
  /** @type {HTMLElement[]} */
  const parts = [timeElement(ts, time)];
  if (isEdited && !isDeleted) parts.unshift(make("span", "edited", "(edited)"));
  if (state !== undefined) {
    const mark = make("span", "state");
    mark.title = STATES[state];
    mark.append(make("span", "visually-hidden", STATES[state]));
    parts.push(mark);
  }
  return parts;
}

/**
 * @param {Line} line
 * @returns {HTMLElement[]}
 */
function errorOf({ state, failed, error }) {
  if (error === undefined) return [];
  if (state !== "failed" || failed === undefined) return [make("span", "error", `${error}. Retrying…`)];
  const parts = [make("span", "error", `${FAILURES[failed]}: ${error}`), actionButton("retry", "Try again")];
  if (failed === "message") parts.push(actionButton("rewrite", "Rewrite"));
  parts.push(actionButton("discard", "Discard"));
  return parts;
}

/**
 * @param {string} action
 * @param {string} text
 */
function actionButton(action, text) {
  const button = makeButton("text-button", text);
  button.dataset.action = action;
  return button;
}

/** @param {string[]} names */
function seenText(names) {
  if (names.length === 0) return "";
  const more = names.length - MAX_NAMED;
  const named = names.slice(0, MAX_NAMED).join(", ");
  return more > 0 ? `Seen by ${named} and ${more} more` : `Seen by ${named}`;
}

/**
 * @param {DOMStringMap} dataset
 * @param {string} key
 * @param {string | undefined} value
 */
function setData(dataset, key, value) {
  if (value === undefined) delete dataset[key];
  else dataset[key] = value;
}
