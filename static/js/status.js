/** The state of the connection, on the page: a pill, and a bar while something is wrong. */

import { explainClose } from "./closing.js";

const PILL = {
  connecting: "Connecting…",
  open: "Connected",
  waiting: "Not connected",
  refused: "Refused",
  stopped: "Not connected",
};

/** The view of a connection's state, for any page that has the elements. */
export class Status {
  #pill = document.querySelector("#pill");
  #pillText = document.querySelector("#pill-text");
  #bar = document.querySelector("#notice-bar");
  #text = document.querySelector("#notice-text");
  #countdown = document.querySelector("#notice-countdown");
  #retry = document.querySelector("#retry");

  /** @param {() => void} onRetry The reader does not want to wait. */
  constructor(onRetry) {
    this.#retry.addEventListener("click", onRetry);
  }

  /** @param {import("./connection.js").ConnectionState} state */
  show(state) {
    this.#pill.dataset.state = state.name;
    this.#pillText.textContent = PILL[state.name];
    if (state.isPassing) this.#bar.hidden = true;
    else if (state.name === "waiting") this.#warn(state, Math.ceil(state.remainingMs / 1000));
    else if (state.name === "refused") this.#warn(state, null);
    else if (state.name !== "connecting") this.#bar.hidden = true;
    // While a new try is under way the bar stays as it is, so that it does not flicker.
    else this.#countdown.textContent = " Trying…";
  }

  #warn(state, seconds) {
    // The seconds are apart and hidden from screen readers, which would read each of them.
    setText(this.#text, `${explainClose(state.code, state.reason)}.`);
    this.#countdown.textContent = seconds === null ? "" : ` Reconnecting in ${seconds} s`;
    this.#retry.hidden = seconds === null;
    this.#bar.hidden = false;
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
