/** The room that is open: its log, its people, and what is being written in it. */

import { Composer } from "./composer.js";
import { confirmed } from "./confirm.js";
import { Conversation } from "./conversation.js";
import { linesOf } from "./entries.js";
import { keepDrafts, keptDrafts } from "./kept.js";
import { People } from "./people.js";
import { FollowingScroll } from "./scroll.js";
import { OwnTyping, typingLine } from "./typing.js";

/** So many entries of the open room are kept while the reader is at its end: a tab may stay open for
 *  weeks. */
const MOST_ENTRIES = 1_000;

const find = (selector) => document.querySelector(selector);

/** Shows one room of a session at a time. */
export class RoomView {
  #isSelf;
  #onRead;
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** @type {import("./room.js").Room | null} */
  #room = null;
  /** What is above this `seq` was new on opening the room; null until the room is known. */
  #newFrom = null;
  /** What was begun in the rooms that are not open. */
  #drafts = keptDrafts();
  #wasLooking = true;
  #typingLine = find("#typing");
  #trouble = find("#trouble");
  #scroll = new FollowingScroll(find("#scroller"), find("#jump"), () => this.#moved());
  #conversation = new Conversation(find("#log"), this.#scroll, (...what) => this.#act(...what));
  #people;
  #ownTyping = new OwnTyping((isTyping) => this.#session?.tellTyping(this.#room, isTyping));
  #composer = new Composer(find("#composer"), {
    onSend: (text) => this.#say(text),
    onTyped: () => this.#room?.isJoined && this.#ownTyping.pressed(),
    onEnded: () => this.#ownTyping.ended(),
    onUp: () => this.#conversation.editLast(),
  });

  /**
   * @param {(name: string) => boolean} isSelf
   * @param {() => void} onRead What is unread has changed.
   */
  constructor(isSelf, onRead) {
    this.#isSelf = isSelf;
    this.#onRead = onRead;
    this.#people = new People(find("#chat"), isSelf);
    for (const kind of ["focus", "blur"]) globalThis.addEventListener(kind, () => this.#looked());
    globalThis.addEventListener("pagehide", () => {
      this.#keepDraft();
      keepDrafts(this.#drafts);
    });
    document.addEventListener("visibilitychange", () => this.#looked());
    find("#trouble-close").addEventListener("click", () => this.complain(""));
  }

  /**
   * @param {import("./session.js").Session} session
   * @param {import("./room.js").Room} room One of it.
   */
  open(session, room) {
    this.#ownTyping.ended();
    this.#keepDraft();
    this.#session = session;
    this.#room = room;
    this.#newFrom = null;
    find("#room-name").textContent = room.name;
    this.#composer.text = this.#drafts.get(room.name) ?? "";
    this.complain("");
    this.#conversation.clear();
    for (const what of ["log", "people", "typing"]) this.changed(room, what);
    this.#composer.focus();
  }

  /** Nobody is in any more. */
  close() {
    this.#session = null;
    this.#room = null;
    this.#drafts.clear();
    keepDrafts(this.#drafts);
    this.#composer.text = "";
    this.#conversation.clear();
  }

  /** @param {string} name Of a room that was left. */
  forget(name) {
    if (this.#room?.name === name) this.#composer.text = "";
    this.#drafts.delete(name);
  }

  /** @param {boolean} isConnected */
  set isConnected(isConnected) {
    this.#composer.isConnected = isConnected;
    if (isConnected) return;
    this.#ownTyping.forget();
    this.#typingLine.textContent = "";
  }

  /** @param {string} text What the server did not do; empty takes it back. */
  complain(text) {
    find("#trouble-text").textContent = text;
    this.#trouble.hidden = text === "";
  }

  /**
   * @param {import("./room.js").Room} room
   * @param {"log" | "people" | "typing"} what
   */
  changed(room, what) {
    if (room !== this.#room) room.shrink();
    else if (what === "log") this.#showLog();
    else if (what === "people") this.#people.show(room.users, room.count, this.#session.name);
    else this.#typingLine.textContent = typingLine([...room.typing.values()]);
  }

  #showLog() {
    const room = this.#room;
    if (this.#scroll.isAtEnd) room.timeline.trim(MOST_ENTRIES);
    const isFirst = this.#newFrom === null;
    if (isFirst && room.isKnown) this.#newFrom = room.unread > 0 ? room.read : 0;
    const lines = this.#lines();
    if (isFirst) this.#conversation.replace(lines);
    else this.#conversation.update(lines);
    this.#moved();
  }

  #lines() {
    const reader = { name: this.#session.name, isSelf: this.#isSelf, newFrom: this.#newFrom ?? 0 };
    return linesOf(this.#room, this.#session.requests, reader);
  }

  #moved() {
    if (this.#room === null) return;
    this.#read();
    if (this.#scroll.isNearTop) this.#session.loadOlder(this.#room);
  }

  /** What is on the screen of somebody who looks at it counts as read. */
  #read() {
    if (!isLooking() || !this.#room.isKnown) return;
    const seq = this.#scroll.isAtEnd ? this.#room.cursor : Number(this.#scroll.lastInSight()?.dataset.seq ?? 0);
    if (this.#session.tellRead(this.#room, seq)) this.#onRead();
  }

  /** The reader has come back, or gone: on coming back, show what is new since. */
  #looked() {
    const hasCome = isLooking() && !this.#wasLooking;
    this.#wasLooking = isLooking();
    if (!hasCome || this.#room === null) return;
    if (this.#room.unread > 0) this.#newFrom = this.#room.read;
    this.#showLog();
  }

  #say(text) {
    this.complain("");
    this.#scroll.toEnd();
    this.#session.say(this.#room, text);
    this.#scroll.toEnd();
  }

  async #act(act, line, text) {
    const [session, room] = [this.#session, this.#room];
    if (act === "delete") {
      if (await confirmed(find("#confirm"))) session.delete(room, line.id);
    } else if (act === "retry") {
      session.retry(room, line.ref);
    } else if (act === "edit") {
      if (text !== undefined) session.edit(room, line.id, text);
      this.#composer.focus();
    } else {
      session.discard(room, line.ref);
      if (act === "rewrite") this.#rewrite(line.text);
    }
  }

  #rewrite(text) {
    const begun = this.#composer.text;
    this.#composer.text = begun === "" ? text : `${text}\n${begun}`;
    this.#composer.focus();
  }

  #keepDraft() {
    if (this.#room === null) return;
    if (this.#composer.text === "") this.#drafts.delete(this.#room.name);
    else this.#drafts.set(this.#room.name, this.#composer.text);
  }
}

function isLooking() {
  return !document.hidden && document.hasFocus();
}
