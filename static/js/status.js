/** Shows the state of the connection: a pill, and a bar while the page is not connected. */

import { ABNORMAL } from "./client/closecodes.js";
import { find } from "./dom.js";
import { explainClose } from "./explain.js";
import { t } from "./messages.js";

/** The view of a connection's state, for any page that has the elements. */
export class Status {
  #pill = find("#pill", HTMLElement);
  #pillText = find("#pill-text", HTMLElement);
  #bar = find("#notice-bar", HTMLElement);
  #text = find("#notice-text", HTMLElement);
  #countdown = find("#notice-countdown", HTMLElement);
  #retry = find("#retry", HTMLButtonElement);

  /** @param {() => void} onRetry The reader pressed "Try now". */
  constructor(onRetry) {
    this.#retry.addEventListener("click", onRetry);
  }

  /** @param {import("./client/connection.js").ConnectionState} state */
  show(state) {
    this.#pill.dataset.state = state.name;
    this.#pillText.textContent = t(`status.${state.name}`);
    if (state.name === "refused") this.#warn(state, null);
    else if (state.name === "waiting" && !state.isQuiet) this.#warn(state, Math.ceil(state.remainingMs / 1000));
    // During an attempt the bar stays as it is, so that it does not flicker.
    else if (state.name === "offline") this.#warn({ code: ABNORMAL, reason: "" }, null);
    else if (state.name === "connecting") this.#countdown.textContent = ` ${t("status.connecting")}`;
    else this.#bar.hidden = true;
  }

  /**
   * @param {{code: number, reason: string}} state
   * @param {number | null} seconds Until the next attempt; null for none.
   */
  #warn({ code, reason }, seconds) {
    // The countdown is an element of its own, hidden from screen readers, which would read every second.
    const isOffline = code === ABNORMAL && navigator.onLine === false;
    const text = `${isOffline ? t("close.offline") : explainClose(code, reason)}.`;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#countdown.textContent = seconds === null ? "" : ` ${t("status.countdown", { seconds })}`;
    this.#retry.hidden = seconds === null;
    this.#bar.hidden = false;
  }
}
