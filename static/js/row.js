/** One line of the log on the page. It is made once and then changed, so that nothing flickers. */

import { editorForm } from "./editor.js";
import { avatar, hueClass } from "./names.js";
import { timeElement } from "./times.js";

const STATE_WORDS = { sending: "Sending", sent: "Sent", seen: "Seen", failed: "Failed" };

const FAILED_WORDS = { message: "Not sent", edit: "Not changed", delete: "Not deleted" };

/** So many who have read a message are named; the rest are counted. */
const MOST_NAMED = 3;

/** The line of a notice or a divider. */
export class PlainRow {
  element;
  #text = "";

  /** @param {import("./entries.js").Line} line */
  constructor(line) {
    this.element = document.createElement("p");
    this.element.className = line.kind;
    this.element.dir = "auto";
    this.update(line);
  }

  /** @param {import("./entries.js").Line} line */
  update({ key, seq, text, about, ts, time }) {
    if (seq !== undefined) this.element.dataset.seq = seq;
    if (key === "new") this.element.classList.add("new");
    if (text === this.#text) return;
    this.#text = text;
    this.element.textContent = text;
    if (about !== undefined) this.element.prepend(make("bdi", "about", about));
    if (ts !== undefined) this.element.append(" ", timeElement(ts, time));
  }
}

/** The line of a message. */
export class MessageRow {
  element = make("article", "message");
  #line;
  #name = make("bdi", "name");
  #bubble = make("div", "bubble");
  #text = make("p", "text");
  #meta = make("span", "meta");
  #actions = make("div", "actions");
  #trouble = make("p", "row-trouble");
  #seen = make("p", "seen");
  #editor = null;

  /** @param {import("./entries.js").Line} line */
  constructor(line) {
    this.#text.dir = "auto";
    // Who listens to the log wants to hear what is said, and not how far it has come.
    this.#meta.ariaLive = "off";
    this.#seen.ariaLive = "off";
    this.#bubble.append(this.#text, this.#meta);
    const picture = avatar(line.username);
    this.element.append(picture, this.#name, this.#bubble, this.#actions, this.#trouble, this.#seen);
    this.element.classList.add(line.isOwn ? "own" : "other", hueClass(line.username));
    this.#name.textContent = line.username;
    if (line.isOwn) this.element.tabIndex = -1; // A tap gives it the focus, and shows what can be done.
    this.update(line);
  }

  /** What it shows. */
  get line() {
    return this.#line;
  }

  get isEditing() {
    return this.#editor !== null;
  }

  /** @param {import("./entries.js").Line} line */
  update(line) {
    const before = this.#line;
    this.#line = line;
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(line)) return;
    const { classList, dataset } = this.element;
    classList.toggle("continued", line.isContinued === true);
    classList.toggle("deleted", line.isDeleted === true);
    set(dataset, "seq", line.seq);
    set(dataset, "state", line.state);
    this.#text.textContent = line.isDeleted ? "This message was deleted" : line.text;
    this.#meta.replaceChildren(...metaOf(line));
    this.#showActions(line);
    this.#trouble.replaceChildren(...troubleOf(line));
    this.#trouble.hidden = this.#trouble.childElementCount === 0;
    this.#seen.textContent = seenWords(line.seenBy ?? []);
    this.#seen.title = (line.seenBy ?? []).join(", ");
    if (line.isDeleted) this.endEditing();
  }

  /** @param {(text: string | null) => void} onDone Called once, with null where nothing changes. */
  edit(onDone) {
    if (this.isEditing) return;
    this.#editor = editorForm(this.#line.text, (text) => {
      this.endEditing();
      onDone(text);
    });
    this.element.classList.add("editing");
    this.#bubble.append(this.#editor);
    this.#editor.querySelector("textarea").focus();
  }

  endEditing() {
    this.#editor?.remove();
    this.#editor = null;
    this.element.classList.remove("editing");
  }

  /** @param {boolean} isStop Whether the Tab key comes by its actions. */
  set isTabStop(isStop) {
    for (const button of this.#actions.children) button.tabIndex = isStop ? 0 : -1;
  }

  /** @returns {boolean} Whether there are actions that now have the focus. */
  focus() {
    this.#actions.firstElementChild?.focus();
    return this.#actions.contains(document.activeElement);
  }

  #showActions({ isOwn, id, isDeleted, ref, state }) {
    const mayChange = isOwn && id !== undefined && !isDeleted && !(ref && state !== "sent" && state !== "seen");
    if (mayChange === this.#actions.childElementCount > 0) return;
    const buttons = mayChange ? [actionButton("edit", "Edit"), actionButton("delete", "Delete")] : [];
    this.#actions.replaceChildren(...buttons);
  }
}

function metaOf({ ts, time, isEdited, isDeleted, state }) {
  const parts = [timeElement(ts, time ?? "")];
  if (isEdited && !isDeleted) parts.unshift(make("span", "edited", "(edited)"));
  if (state !== undefined) {
    const mark = make("span", "state");
    mark.title = STATE_WORDS[state];
    mark.append(make("span", "visually-hidden", STATE_WORDS[state]));
    parts.push(mark);
  }
  return parts;
}

function troubleOf({ state, failed, fault }) {
  if (fault === undefined) return [];
  if (state !== "failed") return [make("span", "fault", `${fault}. It is tried again.`)];
  const parts = [make("span", "fault", `${FAILED_WORDS[failed]}: ${fault}`), actionButton("retry", "Try again")];
  if (failed === "message") parts.push(actionButton("rewrite", "Rewrite"));
  parts.push(actionButton("discard", "Discard"));
  return parts;
}

function actionButton(act, words) {
  const button = make("button", "text-button", words);
  button.type = "button";
  button.dataset.act = act;
  return button;
}

function seenWords(names) {
  if (names.length === 0) return "";
  const more = names.length - MOST_NAMED;
  const named = names.slice(0, MOST_NAMED).join(", ");
  return more > 0 ? `Seen by ${named} and ${more} more` : `Seen by ${named}`;
}

function set(dataset, key, value) {
  if (value === undefined) delete dataset[key];
  else dataset[key] = value;
}

function make(tag, className, words = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = words;
  return element;
}
