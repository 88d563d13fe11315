/** The form that asks for a name, and remembers it. */

import { rememberedName, rememberName } from "./kept.js";
import { unsendableName } from "./wire.js";

/** The view of joining. */
export class JoinForm {
  #form;
  #name;
  #error;
  #button;
  #hint;

  /**
   * @param {HTMLFormElement} form
   * @param {(name: string) => void} onJoin
   */
  constructor(form, onJoin) {
    this.#form = form;
    this.#name = form.querySelector("input");
    this.#error = form.querySelector("#join-error");
    this.#button = form.querySelector("button");
    this.#hint = form.querySelector("#join-hint");
    this.#name.value = rememberedName();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(onJoin);
    });
  }

  /**
   * Show the form again.
   *
   * @param {string} why What was wrong; empty where nothing was.
   */
  reopen(why) {
    this.#error.textContent = why;
    this.#name.ariaInvalid = why === "" ? null : "true";
    this.#button.textContent = "Join the chat";
    this.#name.focus();
    this.#name.select();
  }

  /**
   * Join under a name that is not for the person to choose.
   *
   * @param {string} name The one that the login is for.
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
    this.#hint.textContent = "Your login says who you are.";
  }

  /** The login is over: the name is free again. */
  release() {
    this.#name.readOnly = false;
    this.#hint.textContent = "";
  }

  /** The server lets nobody in without a token, and there is none. */
  askForLink() {
    if (!this.#name.readOnly) this.#hint.textContent = "This chat asks for a login: open the link you were given.";
  }

  #submit(onJoin) {
    const name = this.#name.value;
    const why = unsendableName(name);
    this.reopen(why);
    if (why !== "") return;
    this.#button.textContent = "Joining…";
    if (!this.#name.readOnly) rememberName(name);
    onJoin(name);
  }
}
