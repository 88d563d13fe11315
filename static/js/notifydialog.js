/** The dialog that switches notifications on and off. */

import { find } from "./dom.js";
import { t } from "./messages.js";
import { playTone } from "./notifications.js";

/** The view of the settings of notifications. */
export class NotifyDialog {
  #dialog = find("#notify-dialog", HTMLDialogElement);
  #isOn = find("#notify-on", HTMLInputElement);
  #hasText = find("#notify-text", HTMLInputElement);
  #hasSound = find("#notify-sound", HTMLInputElement);
  #state = find("#notify-state", HTMLElement);
  #notifications;

  /** @param {() => import("./notifications.js").Notifications | null} notifications Of the present user. */
  constructor(notifications) {
    this.#notifications = notifications;
    find("#notify-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    this.#isOn.addEventListener("change", () => this.#switched());
    this.#hasText.addEventListener("change", () => this.#notifications()?.set({ hasText: this.#hasText.checked }));
    this.#hasSound.addEventListener("change", () => {
      this.#notifications()?.set({ hasSound: this.#hasSound.checked });
      if (this.#hasSound.checked) playTone();
    });
  }

  open() {
    this.#show();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  async #switched() {
    const notifications = this.#notifications();
    if (!this.#isOn.checked) notifications?.set({ isOn: false });
    else await notifications?.turnOn();
    this.#show();
  }

  #show() {
    const settings = this.#notifications()?.settings ?? { isOn: false, hasText: false, hasSound: false };
    this.#isOn.checked = settings.isOn;
    this.#hasText.checked = settings.hasText;
    this.#hasSound.checked = settings.hasSound;
    const permission = this.#notifications()?.permission ?? "missing";
    this.#isOn.disabled = permission === "missing";
    for (const field of [this.#hasText, this.#hasSound]) field.disabled = !settings.isOn;
    this.#state.textContent = t(STATES[permission]);
  }
}

/** What the dialog says, for each answer of the browser. @type {Record<NotificationPermission | "missing", import("./messages.js").Key>} */
const STATES = {
  missing: "notify.missing",
  denied: "notify.denied",
  default: "notify.hint",
  granted: "notify.hint",
};
