/** Shows the lines of a room: each once, in order, as text. */

import { find } from "./dom.js";
import { copyCode } from "./richtext.js";
import { MessageRow, PlainRow } from "./row.js";

/** @typedef {import("./lines.js").Line} Line */

/** The parts of a row to which the arrow keys move. */
const LINK = ".permalink";
const EDIT = ".actions [data-action=edit]";

/** The view of a room's lines. */
export class Conversation {
  #list;
  #scroll;
  #onAction;
  #onFocusLost;
  /** @type {import("./richtext.js").People} */
  #people = {};
  #room = "";
  /** @type {Map<string, MessageRow | PlainRow>} */
  #rows = new Map();
  /** @type {Map<string, string[]>} */
  #readers = new Map();
  #readUpTo = 0;
  /** The keys of rows that show earlier readers. @type {Set<string>} */
  #stale = new Set();
  #newest = 0;
  /** The row whose link and actions the Tab key reaches. @type {MessageRow | undefined} */
  #stop;

  /**
   * @param {HTMLElement} list
   * @param {import("./scroll.js").FollowingScroll} scroll
   * @param {(action: string, line: Line, text?: string) => void} onAction What the reader wants to do
   *   with a message: `edit` (with the new text), `delete`, or for a failed one `retry`, `rewrite`,
   *   `discard`. `editing` brings the half-made edit after each change.
   * @param {() => void} onFocusLost The row with the focus is gone.
   */
  constructor(list, scroll, onAction, onFocusLost) {
    this.#list = list;
    this.#scroll = scroll;
    this.#onAction = onAction;
    this.#onFocusLost = onFocusLost;
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /**
   * Show the present lines of the open room. A reader who has scrolled up stays there.
   *
   * @param {Line[]} lines Oldest first.
   */
  update(lines) {
    const added = lines.filter(({ seq = 0, kind, isOwn }) => seq > this.#newest && kind === "message" && !isOwn);
    this.#scroll.hold(() => this.#draw(lines));
    if (added.length > 0) this.#scroll.added(added.length);
    this.#newest = Math.max(this.#newest, ...added.map(({ seq = 0 }) => seq));
  }

  /**
   * Show another room: its end, or its first new line if that is above.
   *
   * @param {Line[]} lines Oldest first.
   * @param {string} room Its name.
   * @param {import("./richtext.js").People} people Of the room.
   */
  replace(lines, room, people) {
    this.clear();
    this.#room = room;
    this.#people = people;
    this.#draw(lines);
    this.#newest = Math.max(0, ...lines.map(({ seq = 0 }) => seq));
    this.showNew();
  }

  clear() {
    this.#list.replaceChildren();
    this.#rows.clear();
    this.#readers.clear();
    this.#stale.clear();
    this.#readUpTo = 0;
    this.#newest = 0;
    this.#stop = undefined;
  }

  /** Go to the end, but not past the first new line. */
  showNew() {
    const mark = this.#rows.get("new");
    if (mark === undefined) this.#scroll.toEnd();
    else this.#scroll.toEndOrLine(mark.element);
  }

  /**
   * Show where others have read to. Only the rows concerned change.
   *
   * @param {{upTo: number, by: Map<string, string[]>}} readers As of `readersOf`.
   */
  showReaders({ upTo, by }) {
    for (const key of new Set([...this.#readers.keys(), ...by.keys()])) {
      if (String(this.#readers.get(key)) !== String(by.get(key))) this.#stale.add(key);
    }
    const [low, high] = [Math.min(upTo, this.#readUpTo), Math.max(upTo, this.#readUpTo)];
    if (low < high) {
      for (const [key, row] of this.#rows) {
        const { seq = 0, isOwn } = row.line;
        if (isOwn && seq > low && seq <= high) this.#stale.add(key);
      }
    }
    this.#readers = by;
    this.#readUpTo = upTo;
    this.drawReaders();
  }

  /** Draw the receipts of the rows near the view. A change elsewhere costs a frame, and nobody sees it. */
  drawReaders() {
    const rows = [...this.#stale].map((key) => this.#rows.get(key)).filter((row) => row instanceof MessageRow);
    for (const row of rows.filter(({ element }) => this.#scroll.isNear(element))) {
      this.#stale.delete(row.line.key);
      this.#showReaders(row);
    }
  }

  /**
   * Continue a half-made edit, unless that goes on already.
   *
   * @param {string} key Of the line.
   * @param {string} text
   */
  resumeEdit(key, text) {
    const row = this.#rows.get(key);
    if (row instanceof MessageRow && row.isEditable && !row.isEditing) this.#edit(row, text);
  }

  /** @param {string} key Of the line of a message to edit. */
  edit(key) {
    const row = this.#rows.get(key);
    if (row instanceof MessageRow) this.#edit(row);
  }

  /** @param {Line[]} lines */
  #draw(lines) {
    // Screen readers announce lines added at the end, but not older lines and not a redraw.
    this.#list.ariaBusy = "true";
    const keys = new Set(lines.map(({ key }) => key));
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue;
      const hadFocus = element.contains(document.activeElement);
      element.remove();
      this.#rows.delete(key);
      this.#stale.delete(key);
      if (hadFocus) this.#onFocusLost();
    }
    let at = this.#list.firstElementChild;
    for (const line of lines) {
      const { element } = this.#rowOf(line);
      if (element === at) at = at.nextElementSibling;
      else this.#list.insertBefore(element, at);
    }
    this.#list.ariaBusy = null;
    const last = this.#list.lastElementChild;
    if (this.#stop?.element.contains(document.activeElement)) this.#setTabStop(this.#stop);
    else this.#setTabStop(this.#rowFrom(last, -1, EDIT) ?? this.#rowFrom(last, -1, LINK));
  }

  /** @param {Line} line */
  #rowOf(line) {
    const known = this.#rows.get(line.key);
    if (known !== undefined) {
      known.update(line);
      return known;
    }
    const row = line.kind === "message" ? new MessageRow(line, this.#people, this.#room) : new PlainRow(line);
    row.element.dataset.key = line.key;
    this.#rows.set(line.key, row);
    this.#showReaders(row);
    return row;
  }

  /** @param {MessageRow | PlainRow | undefined} row */
  #showReaders(row) {
    if (!(row instanceof MessageRow)) return;
    const { key, seq = 0, isOwn = false } = row.line;
    row.showReaders(this.#readers.get(key) ?? [], isOwn && seq > 0 && seq <= this.#readUpTo);
  }

  /**
   * @param {Element | null} element Of a row.
   * @param {number} step -1 for up, 1 for down.
   * @param {string} part
   * @returns {MessageRow | undefined} The first row with that part, from this element on.
   */
  #rowFrom(element, step, part) {
    let at = element;
    while (at !== null && at.querySelector(part) === null) at = step < 0 ? at.previousElementSibling : at.nextElementSibling;
    return this.#rowAt(at);
  }

  /** @param {EventTarget | null} target An element in a message's row. */
  #rowAt(target) {
    const element = target instanceof Element ? target.closest("[data-key]") : null;
    const row = element instanceof HTMLElement ? this.#rows.get(element.dataset.key ?? "") : undefined;
    return row instanceof MessageRow ? row : undefined;
  }

  /** @param {MessageRow | undefined} stop */
  #setTabStop(stop) {
    if (this.#stop !== undefined) this.#stop.isTabStop = false;
    this.#stop = stop;
    if (stop !== undefined) stop.isTabStop = true;
  }

  /** @param {Event} event */
  #clicked({ target }) {
    const copy = target instanceof Element ? target.closest("[data-copy]") : null;
    if (copy instanceof HTMLElement) copyCode(copy);
    const button = target instanceof Element ? target.closest("[data-action]") : null;
    const action = button instanceof HTMLElement ? button.dataset.action : undefined;
    const row = this.#rowAt(target);
    if (action === undefined || row === undefined) return;
    if (action === "edit") this.#edit(row);
    else if (action === "fold") row.toggleFold(this.#scroll);
    else this.#onAction(action, row.line);
  }

  /**
   * Make one stop for the Tab key, and let arrows move between messages, from link to link or from action
   * to action. One stop for each message would make hundreds.
   *
   * @param {KeyboardEvent} event
   */
  #pressed(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const row = this.#rowAt(event.target);
    if (step === undefined || row === undefined || !(event.target instanceof Element)) return;
    const isLink = event.target.matches(LINK);
    // The row itself has the focus after its message was deleted.
    if (!isLink && event.target !== row.element && event.target.closest(".actions") === null) return;
    event.preventDefault();
    const part = isLink ? LINK : EDIT;
    const beside = step < 0 ? row.element.previousElementSibling : row.element.nextElementSibling;
    const next = this.#rowFrom(beside, step, part);
    if (next === undefined) return;
    this.#setTabStop(next);
    find(part, HTMLElement, next.element).focus();
  }

  /**
   * @param {MessageRow} row
   * @param {string} [half] A half-made edit to continue.
   */
  #edit(row, half) {
    row.edit(
      (text) => this.#onAction("edit", row.line, text ?? undefined),
      (text) => this.#onAction("editing", row.line, text),
      half,
    );
    this.#scroll.follow();
  }
}
