/**
 * Shows notifications of the system: through the service worker where the page has one, since Chromium on
 * Android shows no others, else of the page itself.
 */

import { t } from "./messages.js";

/** Of the message with which the service worker reports a pressed notification (static/sw.js). */
const PRESSED = "trio-chat:open-room";

/** The notifications of this page. Each room has one at most, and a newer one replaces it. */
export class SystemNotes {
  #onPressed;
  /** @type {ServiceWorkerRegistration | null} */
  #worker = null;
  /** The browser has refused to show one. */
  #isUnable = false;
  /** By room. Null for one of the service worker. @type {Map<string, Notification | null>} */
  #shown = new Map();

  /** @param {(room: string) => void} onPressed */
  constructor(onPressed) {
    this.#onPressed = onPressed;
    const workers = globalThis.navigator?.serviceWorker;
    if (workers === undefined) return;
    // It may become ready later, or never.
    workers.ready.then((worker) => (this.#worker = worker));
    // The page of another user in this tab must not listen any more.
    workers.onmessage = ({ data }) => {
      if (data?.type === PRESSED) onPressed(data.room);
    };
  }

  /** @returns {NotificationPermission | "missing"} `missing`: this browser can show none here. */
  get permission() {
    if (globalThis.Notification === undefined || (this.#isUnable && this.#worker === null)) return "missing";
    return Notification.permission;
  }

  /** Ask the person, unless they have answered before, and find out whether the browser can show any. */
  async request() {
    if (this.permission === "default") await Notification.requestPermission();
    // Android refuses one of a page. Elsewhere this one is gone before anybody sees it.
    if (this.permission === "granted" && this.#worker === null) this.#make(t("notify.button"), { silent: true })?.close();
  }

  /**
   * @param {string} room
   * @param {string} title
   * @param {string} body
   * @returns {boolean} Whether the browser shows it.
   */
  show(room, title, body) {
    // The tone of the page stands for the system's sound. `renotify`, which TypeScript does not know, shows
    // a replaced notification again.
    const options = { tag: tagOf(room), body, icon: "/static/icons/any-192.png", silent: true, renotify: true, data: { room } };
    if (this.#worker === null) return this.#showOfPage(room, title, options);
    this.#shown.set(room, null);
    this.#worker.showNotification(title, options).catch(() => {
      this.#worker = null;
      this.#showOfPage(room, title, options);
    });
    return true;
  }

  /** @param {string} room */
  close(room) {
    if (!this.#shown.has(room)) return;
    this.#shown.get(room)?.close();
    this.#shown.delete(room);
    const ofWorker = this.#worker?.getNotifications({ tag: tagOf(room) });
    ofWorker?.then((notes) => notes.forEach((note) => note.close()));
  }

  closeAll() {
    for (const room of [...this.#shown.keys()]) this.close(room);
  }

  /**
   * @param {string} room
   * @param {string} title
   * @param {NotificationOptions} options
   */
  #showOfPage(room, title, options) {
    const note = this.#make(title, options);
    if (note === null) return false;
    this.#shown.set(room, note);
    note.addEventListener("click", () => {
      globalThis.focus();
      this.#onPressed(room);
      this.close(room);
    });
    return true;
  }

  /**
   * @param {string} title
   * @param {NotificationOptions} options
   * @returns {Notification | null}
   */
  #make(title, options) {
    try {
      return new Notification(title, options);
    } catch (error) {
      console.info("this browser shows no notifications of a page:", error);
      this.#isUnable = true;
      return null;
    }
  }
}

/** @param {string} room */
function tagOf(room) {
  return `trio-chat:${room}`;
}
