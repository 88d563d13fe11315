/** The form that asks for a name, and remembers it. */

import { unsendableName } from "./wire.js";

const KEY = "trio-chat-name";

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
    this.#name.value = name;
    this.#name.readOnly = true;
    this.#hint.textContent = "Your login says who you are.";
    this.#form.requestSubmit();
  }

  /** The login is over: the name is free again. */
  release() {
    this.#name.readOnly = false;
    this.#hint.textContent = "";
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

/** This tab's name first, so that two tabs may have two; a new tab begins with the last one used. */
function rememberedName() {
  try {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // A browser that forbids storage still may chat.
  }
}

function rememberName(name) {
  try {
    sessionStorage.setItem(KEY, name);
    localStorage.setItem(KEY, name);
  } catch (error) {
    console.warn("the name is not remembered:", error);
  }
}
