/** The echo page: sends text, shows what comes back and how long that took. */

import { explainClose } from "./closing.js";
import { Connection, socketUrl } from "./connection.js";
import { followNewLinks, takeLogin } from "./login.js";
import { FollowingScroll } from "./scroll.js";
import { Status } from "./status.js";

// First of all: whatever else happens, the token is out of the address.
const login = takeLogin();
followNewLinks();

const find = (selector) => document.querySelector(selector);

// All modules are there: js/boot.js has nothing left to say.
find("#loading").remove();

const text = find("#text");
const log = find("#log");
const scroll = new FollowingScroll(find("#scroller"));
const status = new Status(() => connection.retryNow());
/** When each text not yet answered was sent, oldest first; answers come in the same order. */
let sentAt = [];
let told = "";

const handlers = {
  onOpen: () => {
    sentAt = [];
  },
  onText: (answer) => {
    const tookMs = performance.now() - sentAt.shift();
    add("server", "Server:", answer, Number.isNaN(tookMs) ? "" : `${tookMs.toFixed(1)} ms`);
  },
  onState: changeState,
};
const connection = new Connection(socketUrl("/ws/echo"), handlers, login?.token);

find("#echo-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (text.value === "" || !connection.send(text.value)) return;
  sentAt.push(performance.now());
  add("you", "You:", text.value);
  text.value = "";
});

function changeState(state) {
  status.show(state);
  const isOpen = state.name === "open";
  text.disabled = !isOpen;
  find("#send").disabled = !isOpen;
  if (isOpen && document.activeElement === document.body) text.focus();
  if (isOpen) tell("note", "", "Connected.");
  else if (state.code !== undefined) {
    tell("problem", "Error:", `${explainClose(state.code, state.reason)}.`);
  }
}

/** One line for each change, none for each tick of a wait or each further try that fails alike. */
function tell(kind, who, words) {
  if (words !== told) add(kind, who, words);
  told = words;
}

function add(kind, who, words, aside = "") {
  const row = document.createElement("p");
  row.className = `line ${kind}`;
  if (who !== "") row.append(span("who", who), " ");
  row.append(span("words", words));
  if (aside !== "") row.append(" ", span("aside", aside));
  log.append(row);
  scroll.added();
}

function span(className, words) {
  const element = document.createElement("span");
  element.className = className;
  element.dir = "auto";
  element.textContent = words;
  return element;
}

connection.start();
