/** The rows of the conversation. Each is made once and then changed in part, so that nothing flickers. */

import { make, makeButton } from "./dom.js";
import { makeEditor } from "./editor.js";
import { isEditable } from "./lines.js";
import { locale, t } from "./messages.js";
import { avatar, hueClass } from "./names.js";
import { harmless, richText } from "./richtext.js";
import { readerPictures } from "./seen.js";
import { timeElement } from "./times.js";

/** @typedef {import("./lines.js").Line} Line */
/** @typedef {import("./richtext.js").People} People */

/** A longer text is folded: it would fill more than a screen. */
const FOLD_ABOVE_LINES = 20;
const FOLD_ABOVE_CHARS = 2_000;

/** Marks on one letter beyond what any script needs. */
const PILE = /\p{M}{5}/u;

const LIST = new Intl.ListFormat(locale, { type: "conjunction" });

/** The row of a notice, a day or a divider. */
export class PlainRow {
  element;
  #line;

  /** @param {Line} line */
  constructor(line) {
    this.element = make("p", line.kind);
    this.element.dir = "auto";
    this.#line = line;
    this.#show(line);
  }

  get line() {
    return this.#line;
  }

  /** @param {Line} line */
  update(line) {
    if (isSame(this.#line, line)) return;
    this.#line = line;
    this.#show(line);
  }

  /** @param {Line} line */
  #show({ key, seq, text, parts, ts, time = "", kind, count }) {
    if (seq !== undefined) this.element.dataset.seq = String(seq);
    this.element.classList.toggle("new", key === "new");
    const words = parts === undefined ? [harmless(text)] : noticeWords(parts, count === 1);
    this.element.replaceChildren(...words);
    if (ts !== undefined && kind === "notice") this.element.append(" ", timeElement(ts, time));
  }
}

/** The row of a message. */
export class MessageRow {
  element = make("article", "message");
  #people;
  #room;
  #line;
  /** The event and the time that the link shows. */
  #linked = "";
  /** What the text shows. */
  #shown = "";
  #readers = "";
  #bubble = make("div", "bubble");
  #text = make("div", "text");
  /** @type {HTMLButtonElement | null} */
  #more = null;
  #meta = make("span", "meta");
  #seen = make("span", "seen");
  #actions = make("div", "actions");
  /** @type {HTMLElement | null} */
  #error = null;
  /** Removes the editor. @type {(() => void) | null} */
  #editor = null;

  /**
   * @param {Line} line
   * @param {People} people
   * @param {string} room Its name.
   */
  constructor(line, people, room) {
    const { username = "", isOwn } = line;
    this.#line = line;
    this.#room = room;
    this.#people = people;
    // A screen reader should read the message, and not how far it has come.
    for (const part of [this.#meta, this.#seen]) part.ariaLive = "off";
    // The space is for copied text. In the name it takes no room where the name is not shown.
    this.#bubble.append(make("bdi", "name", `${harmless(username)} `), this.#text);
    this.element.append(avatar(username), this.#bubble, this.#meta, this.#seen, this.#actions);
    this.element.classList.add(isOwn ? "own" : "other", hueClass(username));
    if (isOwn) this.element.tabIndex = -1; // A tap focuses the message, and so shows its actions.
    this.#show(line);
  }

  /** The line it shows. */
  get line() {
    return this.#line;
  }

  /** Whether the reader may edit and delete the message now. */
  get isEditable() {
    return this.#actions.childElementCount > 0;
  }

  get isEditing() {
    return this.#editor !== null;
  }

  /** @param {Line} line */
  update(line) {
    if (isSame(this.#line, line)) return;
    this.#line = line;
    this.#show(line);
  }

  /**
   * Show how far the message was read.
   *
   * @param {readonly string[]} readers The users whose newest read message this is.
   * @param {boolean} isSeen Somebody has read it.
   */
  showReaders(readers, isSeen) {
    const { dataset } = this.element;
    if (dataset.state === "sent" && isSeen) this.#showState("seen");
    else if (dataset.state === "seen" && !isSeen) this.#showState("sent");
    const key = readers.join("\n");
    if (key === this.#readers) return;
    this.#readers = key;
    this.#seen.replaceChildren(...readerPictures(readers));
    this.#seen.title = readers.join(", ");
  }

  /**
   * @param {(text: string | null) => void} onDone Called once, with null for no change.
   * @param {(text: string) => void} onChanged Gets the text after each change.
   * @param {string} [half] A half-made edit to continue, without the focus.
   */
  edit(onDone, onChanged, half) {
    if (this.#editor !== null) return;
    const { form, field, resume, end } = makeEditor(
      this.#line.text,
      (text) => {
        this.#endEditing();
        onDone(text);
      },
      onChanged,
      this.#people.names ?? (() => []),
    );
    this.#editor = end;
    this.element.classList.add("editing");
    this.#bubble.append(form);
    if (half === undefined) field.focus();
    else resume(half);
  }

  /**
   * Fold or unfold a long text.
   *
   * @param {import("./scroll.js").FollowingScroll} scroll What the reader looks at stays in place: the
   *   beginning of the text, or the button when it folds.
   */
  toggleFold(scroll) {
    const isFolded = this.element.classList.contains("folded");
    scroll.stay(isFolded ? this.element : (this.#more ?? this.element), () => this.#fold(!isFolded));
  }

  /** @param {boolean} isStop Whether the Tab key reaches the link and the actions. */
  set isTabStop(isStop) {
    this.element.classList.toggle("stop", isStop);
    for (const part of this.element.querySelectorAll(".permalink, .actions button")) {
      if (part instanceof HTMLElement) part.tabIndex = isStop ? 0 : -1;
    }
  }

  /** @param {Line} line */
  #show(line) {
    const { classList, dataset } = this.element;
    classList.toggle("continued", line.isContinued === true);
    classList.toggle("deleted", line.isDeleted === true);
    setData(dataset, "seq", line.seq?.toString());
    this.#showText(line);
    const isSeen = dataset.state === "seen" && line.state === "sent";
    this.#showMeta(line);
    this.#showState(isSeen ? "seen" : line.state);
    this.#showActions(line);
    this.#showError(errorOf(line));
    if (line.isDeleted) this.#endEditing();
  }

  /** A text that has not changed stays, with the reader's selection in it. @param {Line} line */
  #showText({ text, isDeleted }) {
    const shown = isDeleted ? t("log.deleted") : text;
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (isDeleted) this.#text.textContent = shown;
    else this.#text.replaceChildren(...richText(shown, this.#people));
    this.element.classList.toggle("piled", PILE.test(shown));
    if (isLong(shown)) this.#fold(true);
    else this.#unfold();
  }

  /** @param {boolean} isFolded */
  #fold(isFolded) {
    this.#more ??= this.#addMore();
    this.element.classList.toggle("folded", isFolded);
    this.#more.textContent = t(isFolded ? "log.more" : "log.less");
    this.#more.ariaExpanded = String(!isFolded);
  }

  #addMore() {
    const more = makeButton("text-button more", "");
    more.dataset.action = "fold";
    this.#text.after(more);
    return more;
  }

  /** A short text needs no button. */
  #unfold() {
    this.#more?.remove();
    this.#more = null;
    this.element.classList.remove("folded");
  }

  /** The link to the message stays as long as it is right: it may have the focus. @param {Line} line */
  #showMeta({ seq, ts, time = "", isEdited, isDeleted, state }) {
    const linked = `${seq} ${ts}`;
    if (linked !== this.#linked) {
      this.#linked = linked;
      this.#meta.replaceChildren(seq === undefined ? timeElement(ts, time) : linkTo(this.#room, seq, timeElement(ts, time)));
    }
    for (const part of this.#meta.querySelectorAll(".edited, .state")) part.remove();
    if (isEdited && !isDeleted) this.#meta.prepend(make("span", "edited", t("log.edited")));
    if (state !== undefined) this.#meta.append(make("span", "state"));
  }

  /** @param {"sending" | "sent" | "seen" | "failed" | undefined} state */
  #showState(state) {
    setData(this.element.dataset, "state", state);
    const mark = this.#meta.querySelector(".state");
    if (state === undefined || !(mark instanceof HTMLElement)) return;
    mark.role = "img";
    mark.title = t(`log.${state}`);
    mark.ariaLabel = mark.title;
  }

  /** @param {Line} line */
  #showActions(line) {
    const mayChange = isEditable(line);
    if (mayChange === this.isEditable) return;
    const hadFocus = this.#actions.contains(document.activeElement);
    const buttons = mayChange ? [actionButton("edit", t("log.edit")), actionButton("delete", t("log.delete"))] : [];
    for (const button of buttons) button.tabIndex = -1;
    this.#actions.replaceChildren(...buttons);
    if (hadFocus) this.element.focus({ preventScroll: true });
  }

  /** @param {HTMLElement[]} parts None without an error. */
  #showError(parts) {
    this.#error?.remove();
    this.#error = null;
    if (parts.length === 0) return;
    this.#error = make("p", "row-error");
    this.#error.append(...parts);
    this.element.append(this.#error);
  }

  #endEditing() {
    this.#editor?.();
    this.#editor = null;
    this.element.classList.remove("editing");
  }
}

/**
 * @param {Line} one
 * @param {Line} other
 * @returns {boolean} Whether they show the same.
 */
function isSame(one, other) {
  return (
    one.text === other.text &&
    one.seq === other.seq &&
    one.id === other.id &&
    one.ref === other.ref &&
    one.ts === other.ts &&
    one.state === other.state &&
    one.error === other.error &&
    one.failed === other.failed &&
    one.mayEdit === other.mayEdit &&
    one.isContinued === other.isContinued &&
    one.isEdited === other.isEdited &&
    one.isDeleted === other.isDeleted &&
    one.count === other.count
  );
}

/**
 * @param {string} text
 * @returns {boolean} Whether it would fill a screen.
 */
export function isLong(text) {
  return text.length > FOLD_ABOVE_CHARS || text.split("\n", FOLD_ABOVE_LINES + 1).length > FOLD_ABOVE_LINES;
}

/**
 * @param {import("./notices.js").Part[]} parts
 * @param {boolean} isAlone It is no fold.
 * @returns {(Node | string)[]}
 */
function noticeWords(parts, isAlone) {
  return parts.flatMap(({ kind, names, more }, at) => {
    const words = peopleList(names, more);
    const verb = isAlone
      ? t(kind === "joined" ? "log.has-joined" : "log.has-left")
      : t(`log.${kind}`, { count: names.length + more });
    return [...(at > 0 ? [", "] : []), ...words, ` ${verb}`];
  });
}

/**
 * @param {string[]} names
 * @param {number} more
 * @returns {(Node | string)[]} Each name in an element of its own, so that no name looks like the words
 *   around it, or turns them round.
 */
function peopleList(names, more) {
  const items = more > 0 ? [...names, t("log.others", { count: more })] : names;
  let at = 0;
  return LIST.formatToParts(items).map(({ type, value }) => {
    if (type === "literal") return value;
    at += 1;
    return at <= names.length ? make("bdi", "subject", harmless(value)) : value;
  });
}

/**
 * @param {string} room
 * @param {number} seq
 * @param {HTMLElement} time
 * @returns {HTMLAnchorElement} To the message, for the clipboard or another tab.
 */
function linkTo(room, seq, time) {
  const link = make("a", "permalink");
  link.href = `#/room/${room}/${seq}`;
  link.tabIndex = -1;
  link.append(time);
  return link;
}

/**
 * @param {Line} line
 * @returns {HTMLElement[]}
 */
function errorOf({ state, failed, error }) {
  if (error === undefined) return [];
  if (state !== "failed" || failed === undefined) return [make("span", "error", t("log.retrying", { error }))];
  const parts = [make("span", "error", t(`log.failed-${failed}`, { error })), actionButton("retry", t("log.retry"))];
  if (failed === "message") parts.push(actionButton("rewrite", t("log.rewrite")));
  parts.push(actionButton("discard", t("log.discard")));
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

/**
 * @param {DOMStringMap} dataset
 * @param {string} key
 * @param {string | undefined} value
 */
function setData(dataset, key, value) {
  if (value === undefined) delete dataset[key];
  else if (dataset[key] !== value) dataset[key] = value;
}
