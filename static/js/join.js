/** The form that asks for a name, and remembers it. */

import { unsendableName } from "./wire.js";

const KEY = "trio-chat-name";

/** The view of joining. */
export class JoinForm {
  #form;
  #name;
  #error;
  #button;

  /**
   * @param {HTMLFormElement} form
   * @param {(name: string) => void} onJoin
   */
  constructor(form, onJoin) {
    this.#form = form;
    this.#name = form.querySelector("input");
    this.#error = form.querySelector("#join-error");
    this.#button = form.querySelector("button");
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

  #submit(onJoin) {
    const name = this.#name.value;
    const why = unsendableName(name);
    this.reopen(why);
    if (why !== "") return;
    this.#button.textContent = "Joining…";
    rememberName(name);
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
