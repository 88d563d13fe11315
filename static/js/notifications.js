/** Notifies of new messages while the tab is out of view, if the person has switched that on. */

import { mentions } from "./mentions.js";
import { t } from "./messages.js";
import { harmless } from "./richtext.js";
import { loadFor, saveFor } from "./storage.js";
import { SystemNotes } from "./systemnotes.js";

/** The longest text in a notification. */
const MAX_TEXT = 200;

/** The pitch of the tone in hertz, and its length in seconds. */
const TONE = { hertz: 880, seconds: 0.16, volume: 0.08 };

/**
 * @typedef {object} Settings
 * @property {boolean} isOn
 * @property {boolean} hasText Whether notifications show the text of messages.
 * @property {boolean} hasSound
 */

/** The notifications of one user. Each room has one at most, and a newer one replaces it. */
export class Notifications {
  #user;
  #system;
  /** Up to which `seq` each room was looked at. @type {Map<string, number>} */
  #seen = new Map();

  /**
   * @param {string} user
   * @param {(room: string) => void} onOpen The person pressed the notification of a room.
   */
  constructor(user, onOpen) {
    this.#user = user;
    this.#system = new SystemNotes(onOpen);
  }

  /** What the browser allows; `missing` if it can show no notifications here. */
  get permission() {
    return this.#system.permission;
  }

  /** @returns {Settings} All is off until the person switches it on. */
  get settings() {
    const stored = loadFor(this.#user, "notifications");
    const [isOn, hasText, hasSound] = [stored?.isOn, stored?.hasText, stored?.hasSound].map((one) => one === true);
    return { isOn: isOn && this.permission === "granted", hasText, hasSound };
  }

  /** @param {Partial<Settings>} change */
  set(change) {
    saveFor(this.#user, "notifications", { ...this.settings, ...change });
  }

  /**
   * Switch notifications on. The browser may ask the person.
   *
   * @returns {Promise<boolean>} Whether the browser allows it, and can show any.
   */
  async turnOn() {
    await this.#system.request();
    this.set({ isOn: this.permission === "granted" });
    return this.settings.isOn;
  }

  /**
   * Notify of what has come to a room since the last call.
   *
   * @param {import("./client/room.js").Room} room
   * @param {import("./preferences.js").Preference} preference
   * @param {string} ownName
   */
  look(room, { isMuted, notify }, ownName) {
    if (!room.isKnown) return;
    const seen = this.#seen.get(room.name);
    this.#seen.set(room.name, room.cursor);
    if (room.unread === 0 && !room.mayHaveMoreUnread) this.close(room.name);
    if (seen === undefined || seen >= room.cursor || isMuted || notify === "none" || !document.hidden) return;
    const isWanted = notify === "all" ? () => true : (/** @type {string} */ text) => mentions(text, ownName);
    const newest = room.unreadMessages.find(({ seq, message }) => seq > seen && isWanted(message));
    if (newest !== undefined && this.settings.isOn) this.#show(room.name, newest);
  }

  /** @param {string} room The person sees it now, or has left it. */
  close(room) {
    this.#system.close(room);
  }

  /** The person has left the chat. */
  closeAll() {
    this.#system.closeAll();
  }

  /**
   * @param {string} room
   * @param {import("./client/timeline.js").Entry} entry
   */
  #show(room, { username = "", message }) {
    const { hasText, hasSound } = this.settings;
    const title = t("notify.title", { author: harmless(username), room });
    const body = hasText ? Array.from(harmless(message)).slice(0, MAX_TEXT).join("") : "";
    if (this.#system.show(room, title, body) && hasSound) playTone();
  }
}

/** A short tone. Browsers allow it once the person has used the page. */
export function playTone() {
  const audio = new AudioContext();
  const [source, volume] = [audio.createOscillator(), audio.createGain()];
  const end = audio.currentTime + TONE.seconds;
  source.frequency.value = TONE.hertz;
  volume.gain.setValueAtTime(TONE.volume, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, end);
  source.connect(volume).connect(audio.destination);
  source.addEventListener("ended", () => audio.close());
  source.start();
  source.stop(end);
}
