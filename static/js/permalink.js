/** Shows the message that the address names, after it has loaded the history up to it. */

import { find } from "./dom.js";

/** The most pages of history for one link. Beyond that, the person scrolls. */
const MAX_PAGES = 60;

/** @typedef {import("./client/room.js").Room} Room */
/** @typedef {{session: import("./client/session.js").Session, room: Room, seq: number, pages: number}} Goal */

/**
 * What to do next for a link to a message.
 *
 * @param {Pick<Goal, "room" | "seq" | "pages">} goal
 * @returns {"wait" | "load" | "show" | "give up"}
 */
export function nextStep({ room, seq, pages }) {
  if (!room.isJoined || room.isLoadingOlder) return "wait";
  if (seq >= room.timeline.floor || !room.timeline.hasOlder) return "show";
  return pages < MAX_PAGES ? "load" : "give up";
}

/** Follows one link at a time. */
export class Permalink {
  #scroller = find("#scroller", HTMLElement);
  #onEnded;
  /** @type {Goal | null} */
  #goal = null;

  /** @param {(isTooFar: boolean) => void} onEnded The message is in view, or too far back to be loaded. */
  constructor(onEnded) {
    this.#onEnded = onEnded;
  }

  /** Whether it is on the way to a message. */
  get isFollowing() {
    return this.#goal !== null;
  }

  /**
   * @param {Goal["session"]} session
   * @param {Room} room The open room.
   * @param {number} seq Of the message; 0 for none.
   */
  follow(session, room, seq) {
    for (const row of this.#scroller.querySelectorAll("[data-linked]")) row.removeAttribute("data-linked");
    this.#goal = seq > 0 ? { session, room, seq, pages: 0 } : null;
  }

  /** The room has changed, or a link leads into it: load more, or show the message. */
  advance() {
    const goal = this.#goal;
    if (goal === null) return;
    const step = nextStep(goal);
    if (step === "load") {
      // At the top, so that the view does not remove what comes.
      this.#scroller.scrollTop = 0;
      goal.pages += 1;
      goal.session.loadOlder(goal.room);
    } else if (step === "show") {
      requestAnimationFrame(() => requestAnimationFrame(() => this.#goal === goal && this.#show(goal.seq)));
    } else if (step === "give up") {
      this.#end(true);
    }
  }

  /** @param {boolean} isTooFar */
  #end(isTooFar) {
    this.#goal = null;
    this.#onEnded(isTooFar);
  }

  /** @param {number} seq Of a message, or of an event before one, such as an edit. */
  #show(seq) {
    const rows = [...this.#scroller.querySelectorAll("[data-seq]")].filter((row) => row instanceof HTMLElement);
    const row = rows.find((one) => Number(one.dataset.seq) >= seq);
    if (row !== undefined) {
      row.dataset.linked = "";
      row.scrollIntoView({ block: "center" });
    }
    this.#end(false);
  }
}
