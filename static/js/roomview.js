/** The open room: its messages, its members, and the text that the user is writing. */

import { OwnTyping } from "./client/typing.js";
import { Composer } from "./composer.js";
import { confirmed } from "./confirm.js";
import { Conversation } from "./conversation.js";
import { find } from "./dom.js";
import { lastEditable, linesOf, readersOf } from "./lines.js";
import { mentionFinder } from "./markup.js";
import { peopleIn } from "./mentions.js";
import { t } from "./messages.js";
import { People } from "./people.js";
import { Permalink } from "./permalink.js";
import { FollowingScroll } from "./scroll.js";
import { untilMidnight } from "./times.js";
import { typingLine } from "./typing.js";

/** @typedef {import("./client/session.js").Session} Session */
/** @typedef {import("./client/room.js").Room} Room */
/** @typedef {import("./drafts.js").Drafts} Drafts */
/** @typedef {{session: Session, room: Room, drafts: Drafts}} Open */

/** The most entries of the open room while its reader is at the end: the time for a redraw grows with
 *  them, and a tab may stay open for weeks. The server has the others. */
const MAX_ENTRIES = 300;

/** Trimmed at once: removing a line at each new one would move all the others each time. */
const TRIMMED_ENTRIES = 100;

/** The most events that the page loads to show the first unread message. */
const MAX_UNREAD_LOADED = 500;

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
  /** The page loads older messages, up to the first unread one. */
  #isSeeking = false;
  /** The newest message when the connection was lost; 0 while it is not. */
  #lostAt = 0;
  /** @type {import("./lines.js").Line[]} */
  #lines = [];
  #roomName = find("#room-name", HTMLElement);
  #typingLine = find("#typing", HTMLElement);
  #error = find("#error", HTMLElement);
  #errorText = find("#error-text", HTMLElement);
  #confirm = find("#confirm", HTMLDialogElement);
  #scroll = new FollowingScroll(find("#scroller", HTMLElement), find("#jump", HTMLButtonElement), () => this.#moved());
  #conversation = new Conversation(
    find("#messages", HTMLElement),
    this.#scroll,
    (...what) => this.#act(...what),
    () => this.#composer.focus(),
  );
  #permalink = new Permalink((isTooFar) => {
    if (isTooFar) this.showError(t("rooms.too-far"));
    this.#moved();
  });
  #unreadBar = find("#unread-bar", HTMLElement);
  #unreadText = find("#unread-text", HTMLElement);
  #people;
  #ownTyping = new OwnTyping((isTyping) => this.#open?.session.sendTyping(this.#open.room, isTyping));
  #composer = new Composer(find("#composer", HTMLFormElement), {
    names: () => this.#others(),
    onSend: (text) => this.#sendMessage(text),
    onChanged: (text) => this.#open?.drafts.setText(this.#open.room.name, text),
    onTyped: () => this.#open?.room.isJoined && this.#ownTyping.pressed(),
    onEnded: () => this.#ownTyping.ended(),
    onUp: () => this.#editLast(),
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
    find("#mark-read", HTMLButtonElement).addEventListener("click", () => this.#markAllRead());
    this.#awaitMidnight();
  }

  /**
   * Show another room.
   *
   * @param {Session} session
   * @param {Room} room One of the session's rooms.
   * @param {Drafts} drafts The user's half-written texts.
   * @param {number} seq Of the message to go to; 0 for the first new one, or the end.
   */
  open(session, room, drafts, seq) {
    this.#permalink.follow(session, room, seq);
    if (seq > 0 && room === this.#open?.room) {
      this.#permalink.advance();
      return;
    }
    this.#ownTyping.ended();
    this.#open = { session, room, drafts };
    this.#newFrom = null;
    this.#lostAt = 0;
    this.#isSeeking = false;
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
    if (this.#lostAt === 0 && this.#newFrom !== null) this.#lostAt = this.#open?.room.cursor ?? 0;
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
    else if (part === "reads") this.#conversation.showReaders(readersOf(room, this.#lines));
    else if (part === "people") this.#people.show(room.users, room.count, this.#open.session.name);
    else this.#typingLine.textContent = typingLine([...room.typing.values()]);
  }

  /**
   * @param {Open} open
   * @param {boolean} [showsNew] Whether to go to the first new line.
   */
  #showMessages({ session, room, drafts }, showsNew = false) {
    const isLed = this.#permalink.isFollowing;
    if (!isLed && this.#scroll.isAtEnd && room.timeline.entries.length > MAX_ENTRIES + TRIMMED_ENTRIES) {
      room.timeline.trim(MAX_ENTRIES);
    }
    const isFirst = this.#newFrom === null;
    const isMissed = this.#noteMissed(room);
    if (isFirst && room.isKnown) {
      this.#newFrom = room.unread > 0 ? room.read : 0;
      this.#isSeeking = this.#newFrom > 0 && !isLed;
    }
    const mayEdit = session.mayEdit.bind(session);
    const now = new Date();
    const reader = { name: session.name, isSelf: this.#isSelf, mayEdit, newFrom: this.#newFrom ?? 0, now };
    this.#lines = linesOf(room, session.requests, reader);
    const findMention = mentionFinder(() => this.#names());
    const people = { isSelf: this.#isSelf, findMention, names: () => this.#others() };
    if (isFirst) this.#conversation.replace(this.#lines, room.name, people);
    else this.#conversation.update(this.#lines);
    this.#conversation.showReaders(readersOf(room, this.#lines));
    if (room.isKnown) this.#resumeEdits(room, drafts);
    if (!isLed && (showsNew || isMissed || this.#isSeeking)) this.#conversation.showNew();
    if (this.#isSeeking) this.#seek(session, room);
    this.#permalink.advance();
    this.#moved();
  }

  /**
   * After a lost connection, messages that came meanwhile are new, also to a reader who looks on.
   *
   * @param {Room} room
   * @returns {boolean} Whether there are some.
   */
  #noteMissed(room) {
    if (this.#lostAt === 0 || !room.isJoined) return false;
    const lostAt = this.#lostAt;
    this.#lostAt = 0;
    if (room.timeline.unread(lostAt, this.#isSelf).length === 0) return false;
    this.#newFrom = Math.min(lostAt, room.read > 0 ? room.read : lostAt);
    return this.#scroll.isAtEnd;
  }

  /**
   * Load older messages until the first unread one is there.
   *
   * @param {Session} session
   * @param {Room} room
   */
  #seek(session, room) {
    const { floor, hasOlder } = room.timeline;
    const isFar = room.cursor - floor >= MAX_UNREAD_LOADED;
    if (hasOlder && floor > room.read + 1 && !isFar) session.loadOlder(room);
    else this.#isSeeking = false;
  }

  #moved() {
    if (this.#open === null) return;
    const { session, room } = this.#open;
    this.#conversation.drawReaders();
    if (!this.#isSeeking && !this.#permalink.isFollowing) this.#markRead(session, room);
    if (this.#scroll.isNearTop) session.loadOlder(room);
    this.#showUnreadBar(room);
  }

  /** Messages below the view may be unread: say how many. @param {Room} room */
  #showUnreadBar(room) {
    const count = this.#scroll.isAtEnd ? 0 : room.unread;
    this.#unreadBar.hidden = count === 0;
    if (count > 0) this.#unreadText.textContent = t("log.unread", { count });
  }

  #markAllRead() {
    if (this.#open === null) return;
    const { session, room } = this.#open;
    this.#isSeeking = false;
    this.#scroll.toEnd();
    if (session.markRead(room, room.cursor)) this.#onRead();
    this.#showUnreadBar(room);
    this.#composer.focus();
  }

  /** The days of the lines are relative to today. */
  #awaitMidnight() {
    // A timer of a sleeping machine is late, so look again after an hour at most.
    const day = new Date().toDateString();
    setTimeout(() => {
      if (this.#open !== null && new Date().toDateString() !== day) this.#showMessages(this.#open);
      this.#awaitMidnight();
    }, Math.min(untilMidnight(new Date()) + 1_000, 3_600_000));
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
    const isBehind = room.unread > 0;
    if (isBehind) this.#newFrom = room.read;
    const wasAtEnd = this.#scroll.isAtEnd;
    this.#showMessages(this.#open, isBehind && wasAtEnd);
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

  /** Edit the user's last message, also one that the page has not drawn yet. */
  #editLast() {
    if (this.#open === null) return;
    this.#showMessages(this.#open);
    const line = lastEditable(this.#lines);
    if (line !== undefined) this.#conversation.edit(line.key);
  }

  /** The people that a message may mention. */
  #names() {
    return this.#open === null ? [] : peopleIn(this.#open.room);
  }

  /** Those of them that a field offers. */
  #others() {
    return this.#names().filter((name) => !this.#isSelf(name));
  }

  /**
   * Continue the half-made edits. A message may be older than the others, and come only when the reader
   * scrolls up; if it was deleted meanwhile, its new text goes to the composer.
   *
   * @param {Room} room
   * @param {Drafts} drafts
   */
  #resumeEdits(room, drafts) {
    for (const [id, text] of drafts.editsIn(room.name)) {
      const line = this.#lines.find((one) => one.id === id);
      if (line?.isDeleted) {
        drafts.setEdit(room.name, id, null);
        this.#rewrite(text);
      } else if (line !== undefined) {
        this.#conversation.resumeEdit(line.key, text);
      }
    }
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
