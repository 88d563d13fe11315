/**
 * The form that asks for a name, and stores it. It checks a name at once, and passes it on as soon as the
 * rest of the page has loaded. Until then the history state keeps the name, which survives a reload.
 */

import { unsendableName } from "./client/wire.js";
import { find } from "./dom.js";
import { t } from "./messages.js";
import { storedName, storeName } from "./storage.js";

/** The view of joining. */
export class JoinForm {
  #form;
  #name;
  #error;
  #button;
  #hint;
  /** Null until the rest of the page has loaded. @type {((name: string) => void) | null} */
  #onJoin = null;
  /** The name submitted before that. */
  #submittedName = "";

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    this.#name = find("input", HTMLInputElement, form);
    this.#error = find("#join-error", HTMLElement, form);
    this.#button = find("button", HTMLButtonElement, form);
    this.#hint = find("#join-hint", HTMLElement, form);
    // The person may have typed before this module ran, and even submitted.
    this.#name.value ||= history.state?.submittedName ?? storedName();
    if (history.state?.submittedName) this.#button.textContent = t("join.joining");
    form.dataset.ready = ""; // js/boot.js served the form until now
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /**
   * The rest of the page has loaded. `resume` continues with a name submitted before.
   *
   * @param {(name: string) => void} onJoin
   */
  connect(onJoin) {
    this.#onJoin = onJoin;
    this.#submittedName = takeSubmittedName();
  }

  /**
   * Show the form again.
   *
   * @param {string} error Empty for none.
   */
  reopen(error) {
    this.#error.textContent = error;
    this.#name.ariaInvalid = error === "" ? null : "true";
    this.#button.textContent = t("join.button");
    this.#name.focus();
    this.#name.select();
  }

  /**
   * Join under the name of a login.
   *
   * @param {string} name
   */
  joinAs(name) {
    this.offer(name);
    this.#form.requestSubmit();
  }

  /**
   * Let the person decide whether to join under the name of a login.
   *
   * @param {string} name
   */
  offer(name) {
    this.#name.value = name;
    this.#name.readOnly = true;
    this.#button.textContent = t("join.button");
    this.#hint.textContent = t("login.sets-name");
  }

  /**
   * Continue with a name submitted before the page had loaded.
   *
   * @returns {boolean} False if nobody has submitted one.
   */
  resume() {
    if (this.#submittedName === "") return false;
    this.#name.value = this.#submittedName;
    this.#form.requestSubmit();
    return true;
  }

  /** The login has ended, so the person can choose a name again. */
  release() {
    this.#name.readOnly = false;
    this.#hint.textContent = "";
  }

  /** The server requires a token, and the page has none. */
  askForLink() {
    if (!this.#name.readOnly) this.#hint.textContent = t("login.required");
  }

  #submit() {
    const name = this.#name.value;
    const fault = unsendableName(name);
    this.reopen(fault === "" ? "" : t(`join.name-${fault}`));
    takeSubmittedName();
    if (fault !== "") return;
    this.#button.textContent = t("join.joining");
    if (!this.#name.readOnly) storeName(name);
    if (this.#onJoin === null) history.replaceState({ ...history.state, submittedName: name }, "");
    else this.#onJoin(name);
  }
}

/** @returns {string} The name that the history state keeps, or an empty text. A later reload does not see it. */
function takeSubmittedName() {
  const { submittedName = "", ...state } = history.state ?? {};
  if (submittedName !== "") history.replaceState(state, "");
  return String(submittedName);
}
