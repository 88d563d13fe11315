/** The open room: its messages, its members, and the text that the user is writing. */

import { OwnTyping } from "./client/typing.js";
import { peopleIn } from "./completion.js";
import { Composer } from "./composer.js";
import { confirmed } from "./confirm.js";
import { Conversation } from "./conversation.js";
import { find } from "./dom.js";
import { linesOf } from "./lines.js";
import { People } from "./people.js";
import { FollowingScroll } from "./scroll.js";
import { typingLine } from "./typing.js";

/** @typedef {import("./client/session.js").Session} Session */
/** @typedef {import("./client/room.js").Room} Room */
/** @typedef {import("./drafts.js").Drafts} Drafts */
/** @typedef {{session: Session, room: Room, drafts: Drafts}} Open */

/** The most entries of the open room while its reader is at the end: a tab may stay open for weeks. */
const MAX_ENTRIES = 1_000;

/** Shows one room of a session at a time. */
export class RoomView {
  #isSelf;
  #onRead;
  /** @type {Open | null} */
  #open = null;
  /** Messages above this `seq` were new when the user opened the room; null until the room is known.
   *  @type {number | null} */
  #newFrom = null;
  #wasReading = true;
  #roomName = find("#room-name", HTMLElement);
  #typingLine = find("#typing", HTMLElement);
  #error = find("#error", HTMLElement);
  #errorText = find("#error-text", HTMLElement);
  #confirm = find("#confirm", HTMLDialogElement);
  #scroll = new FollowingScroll(find("#scroller", HTMLElement), find("#jump", HTMLButtonElement), () => this.#moved());
  #conversation = new Conversation(find("#messages", HTMLElement), this.#scroll, (...what) => this.#act(...what));
  #people;
  #ownTyping = new OwnTyping((isTyping) => this.#open?.session.sendTyping(this.#open.room, isTyping));
  #composer = new Composer(find("#composer", HTMLFormElement), {
    names: () => this.#names().filter((name) => !this.#isSelf(name)),
    onSend: (text) => this.#sendMessage(text),
    onChanged: (text) => this.#open?.drafts.setText(this.#open.room.name, text),
    onTyped: () => this.#open?.room.isJoined && this.#ownTyping.pressed(),
    onEnded: () => this.#ownTyping.ended(),
    onUp: () => this.#conversation.editLast(),
  });

  /**
   * @param {(name: string) => boolean} isSelf
   * @param {() => void} onRead The number of unread messages changed.
   */
  constructor(isSelf, onRead) {
    this.#isSelf = isSelf;
    this.#onRead = onRead;
    this.#people = new People(find("#chat", HTMLElement), isSelf);
    for (const kind of ["focus", "blur"]) globalThis.addEventListener(kind, () => this.#attentionChanged());
    document.addEventListener("visibilitychange", () => this.#attentionChanged());
    find("#error-close", HTMLButtonElement).addEventListener("click", () => this.showError(""));
  }

  /**
   * Show another room.
   *
   * @param {Session} session
   * @param {Room} room One of the session's rooms.
   * @param {Drafts} drafts The user's half-written texts.
   */
  open(session, room, drafts) {
    this.#ownTyping.ended();
    this.#open = { session, room, drafts };
    this.#newFrom = null;
    this.#roomName.textContent = room.name;
    this.#composer.text = drafts.text(room.name);
    this.showError("");
    this.#conversation.clear();
    for (const part of /** @type {const} */ (["messages", "people", "typing"])) this.update(room, part);
    this.#composer.focus();
  }

  focus() {
    this.#composer.focus();
  }

  /** The user has left the chat. */
  close() {
    this.#open = null;
    this.#composer.text = "";
    this.#conversation.clear();
  }

  /** @param {boolean} isConnected */
  set isConnected(isConnected) {
    this.#composer.isConnected = isConnected;
    if (isConnected) return;
    this.#ownTyping.forget();
    this.#typingLine.textContent = "";
  }

  /** @param {string} text An error of the server; empty hides the last one. */
  showError(text) {
    this.#errorText.textContent = text;
    this.#error.hidden = text === "";
  }

  /**
   * Show a change of a room.
   *
   * @param {Room} room
   * @param {import("./client/types.js").Part} part
   */
  update(room, part) {
    if (this.#open === null || room !== this.#open.room) room.shrink();
    else if (part === "messages") this.#showMessages(this.#open);
    else if (part === "people") this.#people.show(room.users, room.count, this.#open.session.name);
    else this.#typingLine.textContent = typingLine([...room.typing.values()]);
  }

  /** @param {Open} open */
  #showMessages({ session, room, drafts }) {
    if (this.#scroll.isAtEnd) room.timeline.trim(MAX_ENTRIES);
    const isFirst = this.#newFrom === null;
    if (isFirst && room.isKnown) this.#newFrom = room.unread > 0 ? room.read : 0;
    const mayEdit = session.mayEdit.bind(session);
    const reader = { name: session.name, isSelf: this.#isSelf, mayEdit, newFrom: this.#newFrom ?? 0 };
    const lines = linesOf(room, session.requests, reader);
    if (isFirst) this.#conversation.replace(lines);
    else this.#conversation.update(lines);
    if (isFirst && room.isKnown) this.#conversation.resumeEdits(drafts.editsIn(room.name));
    this.#moved();
  }

  #moved() {
    if (this.#open === null) return;
    const { session, room } = this.#open;
    this.#markRead(session, room);
    if (this.#scroll.isNearTop) session.loadOlder(room);
  }

  /**
   * Mark the lines in view as read, if somebody looks at them.
   *
   * @param {Session} session
   * @param {Room} room
   */
  #markRead(session, room) {
    if (!isReading() || !room.isKnown) return;
    const seq = this.#scroll.isAtEnd ? room.cursor : Number(this.#scroll.lastInView()?.dataset.seq ?? 0);
    if (session.markRead(room, seq)) this.#onRead();
  }

  /** The reader has come back or gone away. After coming back, show what is new. */
  #attentionChanged() {
    const hasReturned = isReading() && !this.#wasReading;
    this.#wasReading = isReading();
    if (!hasReturned || this.#open === null) return;
    const { room } = this.#open;
    if (room.unread > 0) this.#newFrom = room.read;
    this.#showMessages(this.#open);
  }

  /** @param {string} text */
  #sendMessage(text) {
    if (this.#open === null) return;
    this.showError("");
    this.#open.drafts.setText(this.#open.room.name, "");
    this.#scroll.toEnd();
    this.#open.session.sendMessage(this.#open.room, text);
    this.#scroll.toEnd();
  }

  /**
   * @param {string} action
   * @param {import("./lines.js").Line} line
   * @param {string} [text]
   */
  async #act(action, { id = "", ref = "", text: present }, text) {
    if (this.#open === null) return;
    const { session, room, drafts } = this.#open;
    if (action === "delete") {
      if (await confirmed(this.#confirm)) session.delete(room, id);
    } else if (action === "retry") {
      session.retry(room, ref);
    } else if (action === "editing") {
      drafts.setEdit(room.name, id, text ?? null);
    } else if (action === "edit") {
      drafts.setEdit(room.name, id, null);
      if (text !== undefined) session.edit(room, id, text);
      this.#composer.focus();
    } else {
      session.discard(room, ref);
      if (action === "rewrite") this.#rewrite(present);
    }
  }

  /** The people that a message may mention. */
  #names() {
    return this.#open === null ? [] : peopleIn(this.#open.room);
  }

  /** @param {string} text Goes before the text in the field. */
  #rewrite(text) {
    const present = this.#composer.text;
    this.#composer.text = present === "" ? text : `${text}\n${present}`;
    this.#open?.drafts.setText(this.#open.room.name, this.#composer.text);
    this.#composer.focus();
  }
}

function isReading() {
  return !document.hidden && document.hasFocus();
}
