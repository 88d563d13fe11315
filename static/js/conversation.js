/** Shows the lines of a room: each once, in order, as text. */

import { MessageRow, PlainRow } from "./row.js";

/** @typedef {import("./lines.js").Line} Line */

/** The view of a room's lines. */
export class Conversation {
  #list;
  #scroll;
  #onAction;
  /** @type {Map<string, MessageRow | PlainRow>} */
  #rows = new Map();
  #newest = 0;

  /**
   * @param {HTMLElement} list
   * @param {import("./scroll.js").FollowingScroll} scroll
   * @param {(action: string, line: Line, text?: string) => void} onAction What the reader wants to do
   *   with a message: `edit` (with the new text), `delete`, or for a failed one `retry`, `rewrite`,
   *   `discard`. `editing` brings the half-made edit after each change.
   */
  constructor(list, scroll, onAction) {
    this.#list = list;
    this.#scroll = scroll;
    this.#onAction = onAction;
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
   * Show another room, from its end.
   *
   * @param {Line[]} lines Oldest first.
   */
  replace(lines) {
    this.clear();
    this.#draw(lines);
    this.#newest = Math.max(0, ...lines.map(({ seq = 0 }) => seq));
    this.#scroll.toEnd();
  }

  clear() {
    this.#list.replaceChildren();
    this.#rows.clear();
    this.#newest = 0;
  }

  /**
   * Continue half-made edits.
   *
   * @param {[id: string, text: string][]} edits
   */
  resumeEdits(edits) {
    for (const [id, text] of edits) {
      const row = this.#editable().find(({ line }) => line.id === id);
      if (row !== undefined) this.#edit(row, text);
    }
  }

  /** Edit the last message that the user may edit, if any. */
  editLast() {
    const row = this.#editable().at(-1);
    if (row !== undefined) this.#edit(row);
  }

  /** @param {Line[]} lines */
  #draw(lines) {
    // Screen readers announce lines added at the end, but not older lines and not a redraw.
    this.#list.ariaBusy = "true";
    const keys = new Set(lines.map(({ key }) => key));
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
    let at = this.#list.firstElementChild;
    for (const line of lines) {
      const { element } = this.#rowOf(line);
      if (element === at) at = at.nextElementSibling;
      else this.#list.insertBefore(element, at);
    }
    this.#list.ariaBusy = null;
    this.#setTabStop(this.#editable().at(-1));
  }

  /** @param {Line} line */
  #rowOf(line) {
    const known = this.#rows.get(line.key);
    known?.update(line);
    const row = known ?? (line.kind === "message" ? new MessageRow(line) : new PlainRow(line));
    this.#rows.set(line.key, row);
    row.element.dataset.key = line.key;
    return row;
  }

  /** The rows with actions, in their order on the page. */
  #editable() {
    const elements = [...this.#list.querySelectorAll(".message:has([data-action=edit])")];
    return elements.map((element) => this.#rowAt(element)).filter((row) => row !== undefined);
  }

  /** @param {EventTarget | null} target An element in a message's row. */
  #rowAt(target) {
    const element = target instanceof Element ? target.closest("[data-key]") : null;
    const row = element instanceof HTMLElement ? this.#rows.get(element.dataset.key ?? "") : undefined;
    return row instanceof MessageRow ? row : undefined;
  }

  /** @param {MessageRow | undefined} stop */
  #setTabStop(stop) {
    for (const row of this.#editable()) row.isTabStop = row === stop;
  }

  /** @param {Event} event */
  #clicked({ target }) {
    const button = target instanceof Element ? target.closest("[data-action]") : null;
    const action = button instanceof HTMLElement ? button.dataset.action : undefined;
    const row = this.#rowAt(target);
    if (action === undefined || row === undefined) return;
    if (action === "edit") this.#edit(row);
    else this.#onAction(action, row.line);
  }

  /**
   * Make one stop for the Tab key, and let arrows move between messages. One stop for each message
   * would make hundreds.
   *
   * @param {KeyboardEvent} event
   */
  #pressed(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const isAction = event.target instanceof Element && event.target.closest(".actions") !== null;
    const row = this.#rowAt(event.target);
    if (step === undefined || !isAction || row === undefined) return;
    event.preventDefault();
    const rows = this.#editable();
    const next = rows[rows.indexOf(row) + step];
    if (next === undefined) return;
    this.#setTabStop(next);
    next.focus();
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
