/** The log on the page: each line once, in order, as text. */

import { MessageRow, PlainRow } from "./row.js";

/** The view of a room's lines. */
export class Conversation {
  #log;
  #scroll;
  #onAct;
  /** @type {Map<string, MessageRow | PlainRow>} */
  #rows = new Map();
  #newest = 0;

  /**
   * @param {HTMLElement} log
   * @param {import("./scroll.js").FollowingScroll} scroll
   * @param {(act: string, line: import("./entries.js").Line, text?: string) => void} onAct What to do
   *   with a message: `edit` (with its new text), `delete`, or with a failed one `retry`, `rewrite`,
   *   `discard`.
   */
  constructor(log, scroll, onAct) {
    this.#log = log;
    this.#scroll = scroll;
    this.#onAct = onAct;
    log.addEventListener("click", (event) => this.#clicked(event.target));
    log.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /**
   * Show these lines of the room that is shown already. A reader who looks back stays there.
   *
   * @param {import("./entries.js").Line[]} lines Oldest first.
   */
  update(lines) {
    const added = lines.filter((line) => line.seq > this.#newest && line.kind === "message" && !line.isOwn);
    this.#scroll.hold(() => this.#draw(lines));
    if (added.length > 0) this.#scroll.added(added.length);
    this.#newest = Math.max(this.#newest, ...added.map(({ seq }) => seq));
  }

  /**
   * Show another room, from its end.
   *
   * @param {import("./entries.js").Line[]} lines Oldest first.
   */
  replace(lines) {
    this.clear();
    this.#draw(lines);
    this.#newest = Math.max(0, ...lines.map(({ seq = 0 }) => seq));
    this.#scroll.toEnd();
  }

  clear() {
    this.#log.replaceChildren();
    this.#rows.clear();
    this.#newest = 0;
  }

  /** Change the last own message that can be changed, if there is one. */
  editLast() {
    const row = this.#changeable().at(-1);
    if (row !== undefined) this.#edit(row);
  }

  #draw(lines) {
    // Screen readers read out what is added to the end, not what is older or drawn anew.
    this.#log.ariaBusy = "true";
    const keys = new Set(lines.map(({ key }) => key));
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
    let at = this.#log.firstElementChild;
    for (const line of lines) {
      const { element } = this.#rowOf(line);
      if (element === at) at = at.nextElementSibling;
      else this.#log.insertBefore(element, at);
    }
    this.#log.ariaBusy = null;
    this.#setTabStop(this.#changeable().at(-1));
  }

  #rowOf(line) {
    const known = this.#rows.get(line.key);
    known?.update(line);
    const row = known ?? (line.kind === "message" ? new MessageRow(line) : new PlainRow(line));
    this.#rows.set(line.key, row);
    row.element.dataset.key = line.key;
    return row;
  }

  /** The rows with actions, as they stand. */
  #changeable() {
    const elements = [...this.#log.querySelectorAll(".message:has([data-act=edit])")];
    return elements.map((element) => this.#rows.get(element.dataset.key));
  }

  #setTabStop(stop) {
    for (const row of this.#changeable()) row.isTabStop = row === stop;
  }

  #clicked(target) {
    const act = target.closest("[data-act]")?.dataset.act;
    if (act === undefined) return;
    const row = this.#rows.get(target.closest("[data-key]").dataset.key);
    if (act === "edit") this.#edit(row);
    else this.#onAct(act, row.line);
  }

  /** One stop for the Tab key, and arrows between the messages: or there would be hundreds of stops. */
  #pressed(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined || event.target.closest(".actions") === null) return;
    event.preventDefault();
    const rows = this.#changeable();
    const row = this.#rows.get(event.target.closest("[data-key]").dataset.key);
    const next = rows[rows.indexOf(row) + step];
    if (next === undefined) return;
    this.#setTabStop(next);
    next.focus();
  }

  #edit(row) {
    row.edit((text) => this.#onAct("edit", row.line, text ?? undefined));
    this.#scroll.follow();
  }
}
